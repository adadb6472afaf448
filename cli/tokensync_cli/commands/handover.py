"""`export` and `push`: hand a connection to others."""

import sys
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any

import typer

from tokensync.domain.command_line import CommandLine, quoted, typed
from tokensync.domain.export import token_digest
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret
from tokensync_cli.commands.declare import Connection
from tokensync_cli.commands.describe import found, named, registered
from tokensync_cli.commands.published import published
from tokensync_cli.commands.run import Run
from tokensync_cli.output.failures import CommandFailed, UsageFailed, failure_of
from tokensync_cli.stack.invoke import ask_rotation
from tokensync_cli.stack.target import Target

_OWOX_PROVIDER = "tiktok_ads"


class Format(StrEnum):
    """The form of an export."""

    ENV = "env"
    JSON = "json"
    OWOX = "owox"


class Consumer(StrEnum):
    """Where a pair is pushed to."""

    API2CART = "api2cart"


As = Annotated[
    Format, typer.Option("--format", help="env: lines for a shell; json: the published secret; owox: OWOX Data Marts.")
]
To = Annotated[Consumer, typer.Option("--to", help="Which service gets the pair.", show_default=False)]
WithoutSecret = Annotated[
    bool, typer.Option("--without-secret", help="owox: leave AppSecret out, where its environment has it already.")
]
Alert = Annotated[
    bool | None,
    typer.Option(
        "--alert/--no-alert",
        help="Alert once when a newer token replaces this copy; with owox unless you say no, else if you say so.",
        show_default=False,
    ),
]
StoreUrl = Annotated[
    str,
    typer.Option("--store-url", metavar="URL", help="The address of the store where the service does not know it yet."),
]
Check = Annotated[bool, typer.Option("--check", help="Hand nothing over: ask whether the service accepts the store.")]
Again = Annotated[
    bool, typer.Option("--again", help="Hand it over although an earlier attempt got no answer: it may be there twice.")
]


def export(
    run: Run,
    name: Connection,
    *,
    as_: As = Format.ENV,
    without_secret: WithoutSecret = False,
    alert: Alert = None,
) -> None:
    """Print a connection's token in the form that another program takes."""
    if without_secret and as_ is not Format.OWOX:
        raise UsageFailed(
            f"--without-secret goes with --format owox: {as_.value} holds no secret of the app.",
            next_command=typed("tokensync export {name} --format {form}", name=name, form=as_.value),
        )
    target, wanted = run.target(), named(name)
    current = published(run, target, wanted)
    document = _FORMATS[as_](target, wanted, current)
    if without_secret:
        del document["AuthType"]["oauth2"]["AppSecret"]
    if alert or (alert is None and as_ is Format.OWOX):
        _note(run, target, wanted, current, form=f"{as_.value}{' --without-secret' if without_secret else ''}")
    if sys.stdout.isatty():
        run.out.warn("what follows are secrets, and this is a terminal; pipe them to where they belong.")
    if as_ is Format.ENV and not run.out.as_json:
        for key, value in document.items():
            print(f"{key}={_quoted(value)}")
    else:
        run.out.json(document)


def push(
    run: Run, name: Connection, *, to: To, again: Again = False, store_url: StoreUrl = "", check: Check = False
) -> None:
    """Hand a connection's newest pair to a consumer, once its app says who refreshes it."""
    if check and (again or store_url):
        raise UsageFailed(
            "--check hands nothing over: it goes without the others.",
            next_command=typed("tokensync push {name} --to {to} --check", name=name, to=to.value),
        )
    target = run.target()
    record = found(target, name)
    payload = {"tokensync": "push", "connection": str(record.name), "to": to.value, "again": again}
    if check:
        _check(run, target, record.name, to)
        return
    if store_url:
        payload["store_url"] = store_url
    with run.out.progress(f"Pushing {record.name} to {to.value}"):
        answer = ask_rotation(target, payload)
    owner, generation = answer.get("owner"), answer.get("pushed")
    run.out.result(
        {"result": answer.get("result"), "pushed": generation, "owner": owner},
        f"{record.name}: {to.value} has generation {generation}.",
    )
    if owner == "consumer":
        run.out.note(f"{to.value} refreshes it from now on; nothing here presents its refresh token any more.")


def _check(run: Run, target: Target, name: ConnectionName, to: Consumer) -> None:
    payload = {"tokensync": "push", "connection": str(name), "to": to.value, "check": True}
    with run.out.progress(f"Asking {to.value} about {name}"):
        answer = ask_rotation(target, payload)
    run.out.result({"result": answer.get("result"), "accepted": True}, f"{name}: {to.value} accepts its store.")


def _note(run: Run, target: Target, name: ConnectionName, document: Mapping[str, Any], *, form: str) -> None:
    """Have it noted which token was copied; a copy is no worse if that fails, and its operator is warned."""
    token = token_digest(Secret(str(document["access_token"])))
    payload = {"connection": str(name), "generation": document.get("generation"), "token": token, "form": form}
    try:
        is_noted = ask_rotation(target, {"tokensync": "exported", **payload}).get("noted") is True
    except Exception as error:  # noqa: BLE001 - whatever it is: what was asked for is the copy
        run.out.warn(f"nobody will be alerted when this copy is stale: {failure_of(error, policy=run.policy).message}")
        return
    if not is_noted:
        as_, *options = form.split(" ")
        again = CommandLine((*typed("tokensync export {name} --format {form}", name=name, form=as_).words, *options))
        run.out.warn(f"a newer token replaced this one just now; again: {again}")


def _quoted(text: str) -> str:
    """Return text in quotes, on one line, as every POSIX shell reads it."""
    word = quoted(text)
    return f"'{word}'" if word == text else word


def _env(target: Target, name: ConnectionName, document: Mapping[str, Any]) -> dict[str, str]:
    del target
    scopes, expires_at = document.get("scopes"), document.get("expires_at")
    return {
        "TOKENSYNC_CONNECTION": str(name),
        "TOKENSYNC_PROVIDER": str(document.get("provider", "")),
        "TOKENSYNC_ACCOUNT_ID": str(document.get("account_id", "")),
        "TOKENSYNC_STATUS": str(document.get("status", "")),
        "TOKENSYNC_TOKEN_TYPE": str(document.get("token_type", "")),
        "TOKENSYNC_SCOPES": " ".join(map(str, scopes)) if isinstance(scopes, list) else "",
        "TOKENSYNC_EXPIRES_AT": "" if expires_at is None else str(expires_at),
        "TOKENSYNC_ACCESS_TOKEN": str(document["access_token"]),
    }


def _json(target: Target, name: ConnectionName, document: Mapping[str, Any]) -> dict[str, Any]:
    del target, name
    return dict(document)


def _owox(target: Target, name: ConnectionName, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the credentials and advertisers that OWOX's TikTok Ads connector asks for.

    Raises:
        CommandFailed: it is no connection of TikTok Ads, or its advertisers are not known.
    """
    if document.get("provider") != _OWOX_PROVIDER:
        raise CommandFailed(
            f"{name} is of {document.get('provider')}; OWOX takes connections of {_OWOX_PROVIDER} alone.",
            next_command=typed("tokensync list"),
            kind="WrongProvider",
        )
    facts = document.get("account")
    ids = facts.get("advertiser_ids") if isinstance(facts, dict) else None
    if not isinstance(ids, list) or not ids or "truncated" in (facts or {}):
        raise CommandFailed(
            f"The published secret of {name} does not hold the whole list of its advertisers, which OWOX needs.",
            next_command=typed("tokensync verify {name}", name=name),
            kind="NoAdvertisers",
        )
    app = registered(target, name.app)
    credentials = {
        "AccessToken": document["access_token"],
        "AppId": app.client_id,
        "AppSecret": app.client_secret.reveal(),
    }
    return {"AuthType": {"oauth2": credentials}, "AdvertiserIDs": ",".join(map(str, ids))}


_FORMATS: dict[Format, Callable[[Target, ConnectionName, Mapping[str, Any]], dict[str, Any]]] = {
    Format.ENV: _env,
    Format.JSON: _json,
    Format.OWOX: _owox,
}
