"""What hypercorn serves: the embedded AWS behind its guard.

It runs in the embedded AWS's own environment, where the command line is not installed: the guard's modules, which need
the standard library and botocore alone, are taken from beside this file. Nothing else is to be found there afterwards.
"""

import os
import sys
from pathlib import Path

from ministack.app import app as embedded_aws
from ministack.core.iam_evaluator import is_root_access_key

_PACKAGES = str(Path(__file__).resolve().parents[4])
sys.path.append(_PACKAGES)
from tokensync_cli.embedded.administrator import Administrator  # noqa: E402 - found from here on
from tokensync_cli.embedded.guard import Guard  # noqa: E402

sys.path.remove(_PACKAGES)

app = Guard(
    embedded_aws,
    Administrator(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]),
    is_root_access_key,
)
