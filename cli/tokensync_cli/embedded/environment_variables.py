"""What each process of the embedded stack sees of the user's environment."""

import os
from pathlib import Path

REGION = "us-east-1"
# The embedded AWS takes this pair for the account's administrator; it is reachable on loopback alone.
ACCESS_KEY = "test"
SECRET_KEY = "test"  # noqa: S105 - known to everybody, and opens nothing but the embedded AWS

_CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
}
# These would make another Python, or one with other packages, of the programs that we start.
OF_ANOTHER_PYTHON = frozenset({"PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"})
_LOOPBACK = "127.0.0.1,localhost"


def of_the_user() -> dict[str, str]:
    """The user's environment without anything that could reach, or speak for, a real AWS account."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and name not in OF_ANOTHER_PYTHON
    }
    return {**kept, "NO_PROXY": _LOOPBACK, "no_proxy": _LOOPBACK}


def of_sam(endpoint: str) -> dict[str, str]:
    """SAM's environment: the embedded AWS as its only AWS, and no file of the user's."""
    return {
        **of_the_user(),
        **_CREDENTIALS,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "SAM_CLI_TELEMETRY": "0",
    }


def of_the_embedded_aws(*, port: int, state: Path, host: Path, home: Path, scratch: Path) -> dict[str, str]:
    """The embedded AWS's whole environment; its functions inherit it, so it holds the least that works."""
    return {
        **_CREDENTIALS,
        "PATH": os.defpath,
        "HOME": str(home),
        "TMPDIR": str(scratch),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONNOUSERSITE": "1",
        "AUTH": "true",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(state),
        "TOKENSYNC_HOST_DIR": str(host),
    }


def of_our_servers() -> dict[str, str]:
    """Environment of the sandbox and the front door."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    return {**kept, "PYTHONUNBUFFERED": "1"}
