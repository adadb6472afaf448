import os
from pathlib import Path

import pytest

from tokensync_cli.embedded import environment_variables
from tokensync_cli.embedded.administrator import Administrator

KEY = Administrator("TOKENSYNCID", "its secret")


@pytest.fixture(autouse=True)
def _a_users_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that could do harm."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL_S3", "PYTHONPATH", "HTTP_PROXY", "MY_SECRET"):
        monkeypatch.setenv(name, "of-the-user")


def test_sam_sees_no_real_account() -> None:
    """No profile, key, file or endpoint of the user's reaches SAM; the embedded AWS is its only one."""
    seen = environment_variables.of_sam("http://127.0.0.1:1", KEY)
    assert [name for name, value in seen.items() if name.startswith("AWS_") and value == "of-the-user"] == []
    assert ("TOKENSYNCID", "its secret") == (seen["AWS_ACCESS_KEY_ID"], seen["AWS_SECRET_ACCESS_KEY"])
    assert (seen["AWS_ENDPOINT_URL"], seen["AWS_CONFIG_FILE"]) == ("http://127.0.0.1:1", os.devnull)
    assert "PYTHONPATH" not in seen


def test_loopback_goes_past_the_users_proxy() -> None:
    """A proxy that the user needs for the package index is kept, and not asked for loopback."""
    seen = environment_variables.of_the_user()
    assert (seen["HTTP_PROXY"], seen["NO_PROXY"]) == ("of-the-user", "127.0.0.1,localhost")


def test_the_embedded_aws_sees_nothing_of_the_users(tmp_path: Path) -> None:
    """Its functions inherit its environment: it is written out whole, with IAM enforced."""
    seen = environment_variables.of_the_embedded_aws(
        KEY, port=1, state=tmp_path, host=tmp_path / "host", home=tmp_path, scratch=tmp_path
    )
    assert "of-the-user" not in seen.values()
    assert ("TOKENSYNCID", "its secret") == (seen["AWS_ACCESS_KEY_ID"], seen["AWS_SECRET_ACCESS_KEY"])
    assert (seen["AUTH"], seen["GATEWAY_PORT"], seen["PERSIST_STATE"]) == ("true", "1", "1")
    assert seen["TOKENSYNC_HOST_DIR"] == str(tmp_path / "host")


def test_our_servers_see_only_what_they_need() -> None:
    """Neither credentials nor anything else of the user's."""
    assert environment_variables.of_our_servers().keys() <= {"PATH", "HOME", "LANG", "PYTHONPATH", "PYTHONUNBUFFERED"}
