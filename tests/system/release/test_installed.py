"""What people install works without a checkout: the embedded stack and a deployment, from the wheel alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from embedded import free_ports
from readme.documented import README, commands_in_blocks
from release.wheel import Installed, built
from tokensync_cli.demo.browser import Seller

if TYPE_CHECKING:
    from collections.abc import Iterator

APP = "tiktok-shop"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Return the wheel of this checkout, installed."""
    place = tmp_path_factory.mktemp("stranger")
    return Installed.of(built(place / "dist"), place)


@pytest.fixture(scope="module")
def outputs(installed: Installed, process_number: int) -> Iterator[Any]:
    """Return the outputs of the embedded stack that it brought up; it is down afterwards."""
    port, aws, sandbox = map(str, free_ports(process_number, 3))
    before = installed.files()
    try:
        yield installed.json(
            *("up", "--detach", "--fresh", "--port", port, "--aws-port", aws, "--sandbox-port", sandbox)
        )
    finally:
        down = installed.tokensync("down", "--json")
    assert (0, True) == (down.returncode, '"stopped": true' in down.stdout)
    assert before == installed.files(), "an environment is nobody's place to write"


@pytest.fixture
def aws(outputs: Any) -> dict[str, str]:
    """Return the variables of a deployer whose AWS is the embedded one, with a trap: what builds another layer."""
    return {
        "AWS_ENDPOINT_URL": outputs["endpoint"],
        "AWS_ACCESS_KEY_ID": outputs["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": outputs["secret_access_key"],
        "TOKENSYNC_LAYER": "host",
    }


def test_a_seller_connects_and_the_token_is_there(installed: Installed, outputs: Any) -> None:
    """As in the demo; the state is in the working directory, what was built from in the user's cache."""
    accounts = httpx.get(f"{outputs['sandbox_url']}/_sandbox/accounts", timeout=10).json()["accounts"]
    account = next(one["account"] for one in accounts if one["provider"] == "tiktok_shop")
    link = installed.json("invite", APP)["url"]

    headline = Seller(outputs["sandbox_url"]).connect(link, account=account)

    (connection,) = installed.json("list", "--app", APP)
    assert "connected" in headline
    assert ("active", f"{APP}/{account}") == (connection["status"], connection["connection"])
    assert installed.tokensync("token", connection["connection"]).stdout.startswith("ROW_")
    assert [".tokensync"] == [path.name for path in installed.here.iterdir()]
    assert (installed.home / "cache" / "tokensync").is_dir()


def test_without_credentials_nothing_is_built(installed: Installed) -> None:
    """They are missing at once, and not after a minute."""
    done = installed.tokensync("deploy", "--yes")

    assert (1, True) == (done.returncode, "No usable AWS credentials were found." in done.stderr)
    assert not (installed.here / ".aws-sam").exists()
    assert not (installed.here / "samconfig.toml").exists()


def test_the_embedded_stack_is_not_deployed_by_accident(installed: Installed, aws: dict[str, str]) -> None:
    """Whoever has its address in the environment and takes the default name is told so."""
    done = installed.tokensync("deploy", "--yes", **aws)

    assert 1 == done.returncode
    assert "is the embedded one" in done.stderr
    assert not (installed.here / ".aws-sam").exists()


def test_the_stack_is_deployed(installed: Installed, aws: dict[str, str]) -> None:
    """By the locked SAM CLI, with the layer for Lambda; the next command works. That AWS knows no metric math."""
    told = installed.json(
        *("deploy", "--yes", "--stack", "shop", "--region", "eu-central-1", "--alert-email", "ops@example.com"),
        *("--parameter", "Pace=embedded"),
        **aws,
    )

    assert ("shop", "eu-central-1", "shop") == (told["stack"], told["region"], told["secret_prefix"])
    layer = installed.here / ".aws-sam" / "build" / "CoreLayer" / "python"
    assert not (layer / "tokensync_host").exists()
    assert list(layer.rglob("*aarch64*.so"))
    assert "ops@example.com" in (installed.here / "samconfig.toml").read_text()
    options = ("--provider", "tiktok_shop", "--client-id", "k", "--service-id", "7", "--client-secret-stdin")
    where = ("--stack", "shop", "--region", "eu-central-1")
    done = installed.tokensync(*where, "app", "add", APP, *options, stdin="a client secret", **aws)
    assert 0 == done.returncode, done.stderr


def test_what_readme_runs_by_uvx_is_run_here() -> None:
    """A newcomer's first commands are those of the tests above: the stack, a seller, a deployment."""
    ran = {words[2] for words in commands_in_blocks(README) if words[:2] == ["uvx", "tokensync"]}

    assert {"up", "connect", "deploy"} == ran
