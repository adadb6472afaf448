"""What each process of the embedded stack sees of the user's environment."""

import os
from pathlib import Path

from tokensync_cli.embedded.administrator import Administrator

REGION = "us-east-1"

# These would make another Python, or one with other packages, of the programs that we start.
OF_ANOTHER_PYTHON = frozenset({"PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"})
# For a proxy of the user's, which has no business between here and loopback.
LOOPBACK = "127.0.0.1,localhost"


def of_the_user() -> dict[str, str]:
    """The user's environment without anything that could reach, or speak for, a real AWS account."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and name not in OF_ANOTHER_PYTHON
    }
    return {**kept, "NO_PROXY": LOOPBACK, "no_proxy": LOOPBACK}


def of_a_client(endpoint: str, administrator: Administrator) -> dict[str, str]:
    """What makes the embedded AWS the one that `aws`, an SDK or SAM speaks to."""
    return {"AWS_ENDPOINT_URL": endpoint, **_of(administrator)}


def of_sam(endpoint: str, administrator: Administrator) -> dict[str, str]:
    """SAM's environment: the embedded AWS as its only AWS, and no file of the user's."""
    return {
        **of_the_user(),
        **of_a_client(endpoint, administrator),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "SAM_CLI_TELEMETRY": "0",
    }


def of_the_embedded_aws(
    administrator: Administrator, *, port: int, state: Path, host: Path, home: Path, scratch: Path
) -> dict[str, str]:
    """The embedded AWS's whole environment; its functions inherit it, so it holds the least that works."""
    return {
        # Whose key it takes for the administrator's; a function gets the key of its role in its place.
        **_of(administrator),
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


def _of(administrator: Administrator) -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": administrator.access_key_id,
        "AWS_SECRET_ACCESS_KEY": administrator.secret_access_key,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }


def of_our_servers() -> dict[str, str]:
    """Environment of the sandbox and the front door."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
    return {**kept, "PYTHONUNBUFFERED": "1"}
