from typing import Any

import pytest

from tokensync_cli.sandbox.control.saver import load
from tokensync_cli.sandbox.registry import PROVIDERS
from tokensync_cli.sandbox.state import Provider

each = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)


def register(box: Any, provider: Provider) -> dict[str, str]:
    told = {"provider": provider.name, "app_key": "k", "app_secret": "s", "service_id": "1"}
    box.control("apps", told)
    return {"provider": provider.name, "app": "k", "account": next(iter(provider.seeds)).account}


@each
def test_every_provider_begins_with_two_accounts(provider: Provider) -> None:
    """Two accounts, so that one can be taken for the other; each says whose it is."""
    seeds = list(provider.seeds)
    assert len({account.account for account in seeds}) >= 2
    assert {account.provider for account in seeds} == {provider.name}


@each
def test_accounts_survive_a_restart_as_they_are(box: Any, provider: Provider) -> None:
    """What is saved of the seeds is what a start makes of them."""
    before = [account for account in box.sandbox.accounts if account.provider == provider.name]
    box.control("save")
    again = type(box)(box.path, saved=load(box.path))
    assert before == [account for account in again.sandbox.accounts if account.provider == provider.name]


@each
def test_every_account_can_be_imported(box: Any, provider: Provider) -> None:
    """A pair can be had without a consent, with a refresh token wherever the provider has them."""
    pair = box.control("credentials", register(box, provider))
    assert pair["access_token"]
    assert (pair["refresh_token"] is not None) == provider.defaults.get("refreshable", True)
    assert box.sandbox.grants.owner(pair["access_token"]).provider == provider.name


@each
def test_what_was_imported_survives_a_restart(box: Any, provider: Provider) -> None:
    """After a restart the imported pair still belongs to its account."""
    named = register(box, provider)
    pair = box.control("credentials", named)
    box.control("save")
    again = type(box)(box.path, saved=load(box.path))
    assert again.sandbox.grants.owner(pair["access_token"]).account == named["account"]
