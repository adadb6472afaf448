"""What hypercorn serves: the embedded AWS behind its guard.

It runs in the embedded AWS's own environment, where the command line is not installed: the guard's modules, which need
the standard library and botocore alone, are taken from beside this file. Nothing else is to be found there afterwards.
"""

import hashlib
import hmac
import os
import sys
from pathlib import Path
from typing import Any

from ministack.app import app as embedded_aws
from ministack.core import lambda_runtime
from ministack.core.iam_evaluator import is_root_access_key

_PACKAGES = str(Path(__file__).resolve().parents[4])
sys.path.append(_PACKAGES)
from tokensync_cli.embedded.administrator import Administrator  # noqa: E402 - found from here on
from tokensync_cli.embedded.guard import Guard  # noqa: E402

sys.path.remove(_PACKAGES)

_WORDS = ("identity", "secret", "token")
_administrator = Administrator(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])


def _execution_credentials(config: dict[str, Any]) -> dict[str, str]:
    """The key of a function's role, made from the administrator's secret; the same each time for the same function.

    The embedded AWS itself makes it from the names of function and role, which any program of this machine knows.
    """
    from ministack.services import sts  # noqa: PLC0415 - loaded when a function starts: it takes a while

    account, function = config["FunctionArn"].split(":")[4], config["FunctionName"]
    role = config["Role"].rpartition("/")[2]
    identity, secret, token = (_derived(f"{word} {config['FunctionArn']} {config['Role']}") for word in _WORDS)
    access_key_id = f"ASIA{identity[:16].upper()}"
    sts.register_session(
        access_key_id,
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{role}/{function}",
            "UserId": f"{role}:{function}",
            "SecretAccessKey": secret,
            "SessionToken": token,
        },
    )
    return {"AWS_ACCESS_KEY_ID": access_key_id, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}


def _derived(text: str) -> str:
    return hmac.new(_administrator.secret_access_key.encode(), text.encode(), hashlib.sha256).hexdigest()


lambda_runtime.execution_credentials = _execution_credentials
app = Guard(embedded_aws, _administrator, is_root_access_key)
