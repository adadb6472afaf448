"""`--param`: the parameters that lead to one account's own host, checked before anything is signed or sent."""

from collections.abc import Sequence
from typing import Annotated

import typer

from tokensync.domain.command_line import CommandLine
from tokensync.domain.errors import ParamRefused
from tokensync.oauth.params import asked_for, of_import, of_invite
from tokensync.oauth.provider import Provider
from tokensync_cli.output.failures import UsageFailed, sentence

Params = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        metavar="NAME=VALUE",
        help="What leads to the account's own host, such as shop=acme; the app says what it asks for.",
        show_default=False,
    ),
]


def named_params(
    provider: Provider, texts: Sequence[str] | None, *, command: CommandLine, complete: bool = False
) -> dict[str, str]:
    """Return the parameters of an account as NAME=VALUE texts name them. `complete` needs all that are asked for.

    Raises:
        UsageFailed: one is no such text, or the app cannot use it; the message names it.
    """
    given = _pairs(texts or (), command)
    try:
        params = of_invite(provider.params, given, provider.in_hosts)
    except ParamRefused as error:
        raise UsageFailed(sentence(str(error)), next_command=command) from None
    missing = asked_for(provider.params, params)
    if complete and missing:
        again = command
        for name in missing:
            again = again.adding("--param {name}=VALUE", name=name)
        raise UsageFailed(
            f"The app asks for {', '.join(missing)} of each account.",
            next_command=again,
        )
    return params


def imported_params(provider: Provider, texts: Sequence[str] | None, *, command: CommandLine) -> dict[str, str]:
    """Return the parameters of an imported account as NAME=VALUE texts name them.

    Raises:
        UsageFailed: as `named_params`.
    """
    try:
        return of_import(provider.params, _pairs(texts or (), command), provider.in_hosts)
    except ParamRefused as error:
        raise UsageFailed(sentence(str(error)), next_command=command) from None


def _pairs(texts: Sequence[str], command: CommandLine) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name or name in pairs:
            raise UsageFailed("--param takes NAME=VALUE, each name once.", next_command=command)
        pairs[name] = value
    return pairs
