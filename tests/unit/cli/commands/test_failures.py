"""How commands fail: the exit code, the class and the next command of each, as programs read them."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from fakes.cart import HOST, KEY, ScriptedCart
from fakes.scripted import OIDC
from fakes.world import ACCOUNT, APP, NAME
from tokensync.domain.app import App
from tokensync.domain.app_state import PauseKind
from tokensync.domain.command_line import typed
from tokensync.domain.connection import Status
from tokensync.domain.errors import QueueUnavailable, SealingUnavailable, StoreUnavailable, UnknownApp
from tokensync.domain.secret import Secret
from tokensync_cli.commands import connect
from tokensync_cli.output.failures import CommandFailed

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "s3cr3t-canary"
SHOP = "app add shop --provider tiktok_shop --client-id 29a39d --service-id 7172"
ANY = "app add any --provider oauth2 --client-id client-1 --client-secret-stdin"
OWN = replace(OIDC, name="own", endpoints={"token": OIDC.endpoints["token"]}, settings={"grant": "client_credentials"})
IMPORTING = App(name="eshopbox", provider="eshopbox", client_id="c-1", client_secret=Secret("canary"))


def nothing(_desk: Any) -> None:
    """Leave the desk as it is: one app and no connection."""


def connected(desk: Any, **change: Any) -> Any:
    """Let a connection be there."""
    record = replace(desk.world.connected(), **change)
    desk.world.connections.seed(record)
    return record


def status(value: Status, **change: Any) -> Callable[[Any], None]:
    """Let a connection, and its published secret, have a status."""

    def seed(desk: Any) -> None:
        connected(desk, status=value, **change)

    return seed


def paused(desk: Any) -> None:
    """Let the app be paused."""
    desk.world.apps.pause(APP, kind=PauseKind.CONFIGURATION, why="invalid_client", now=1)


def others(desk: Any) -> None:
    """Register an app that mints, one with PKCE, and one whose connections are imported."""
    for app in (OWN, OIDC, IMPORTING):
        desk.world.apps.register(app)


def failing(port: str, call: str, error: Exception) -> Callable[[Any], None]:
    """Let a port fail once, with a connection there."""

    def fail(desk: Any) -> None:
        connected(desk)
        getattr(desk.world, port).fail_next(call, error)

    return fail


def unproved(desk: Any) -> None:
    """Let there be an import that was never proved."""
    record = connected(desk, obtained_at=None, access_expires_at=None, published=None)
    desk.world.secrets.destroy(desk.world.secrets.secret(record.name).arn)


def gone(desk: Any, **change: Any) -> None:
    """Let the secret be deleted by hand."""
    desk.world.secrets.destroy(desk.world.connected().published.arn)
    desk.world.connections.seed(replace(desk.world.stored(), **change))


def cart(desk: Any) -> None:
    """Let API2Cart be behind an app that has its key."""
    desk.world.shop.others[HOST] = ScriptedCart(desk.world.clock)
    desk.world.apps.update(replace(desk.world.app, api2cart_key=Secret(KEY)))
    connected(desk)


def broken(answer: bytes | Exception) -> Callable[[Any], None]:
    """Let a function answer this."""

    def script(desk: Any) -> None:
        connected(desk)
        desk.functions.script.append(answer)

    return script


LATER_SHOW = f"tokensync show {NAME}"
SAME_KEY = "the same command with --key-stdin and the secret on stdin"
INVITE = f"tokensync invite {APP} --for {NAME}"
# What is there, the command, its stdin; exit code, class, next command and words of the message.
CASES: list[tuple[Callable[[Any], None], str, str | bytes | None, int, str, str, str]] = [
    (nothing, SHOP, SECRET, 2, "Usage", f"tokensync {SHOP} --client-secret-stdin", "asked for on a terminal"),
    *((nothing, f"{SHOP} --client-secret-stdin", bad, 2, "Usage", "", "") for bad in ("", "\n", "x" * 2049)),
    (nothing, SHOP.replace("shop --", f"{APP} --", 1), None, 1, "AppExists", f"tokensync app show {APP}", ""),
    (
        nothing,
        "app add shop --provider tiktok_shop --yes",
        None,
        2,
        "Usage",
        "tokensync app add shop --provider tiktok_shop --client-id ID",
        "--client-id is missing",
    ),
    (
        nothing,
        "app add x --provider tiktok_login --client-id 'a b' --scope s.t",
        None,
        2,
        "Usage",
        "tokensync app add x --provider tiktok_login --client-id 'a b' --scope s.t --client-secret-stdin",
        "",
    ),
    (nothing, "app add x --provider tiktok_login --client-id c --client-secret-stdin", SECRET, 2, "Usage", "",
        "--scope"),
    (nothing, "app add x --provider tiktok_shop --client-id c --client-secret-stdin", SECRET, 2, "Usage", "", ""),
    (nothing, "app add x --provider tiktok_shop --sandbox --client-id x", None, 2, "Usage", "", "makes up"),
    (nothing, "app add x --provider tiktok_shop --sandbox", None, 2, "Usage", "tokensync up", ""),
    (nothing, f"app add x --provider oauth2 --sandbox --discover {OIDC.name}", None, 2, "Usage", "", ""),
    (
        nothing,
        "app add x --provider tiktok_login --client-id x --discover https://id.example",
        SECRET,
        2,
        "Usage",
        "tokensync provider list",
        "",
    ),
    *(
        (nothing, f"{ANY} --discover '{issuer}'", SECRET, 2, "Usage", "", "")
        for issuer in ("http://id.example", "id.example", "https://", "http://localhost:4001", "ftp://id.example")
    ),
    (nothing, f"{ANY} --endpoint token=https://id.example/t", SECRET, 2, "Usage", "", "--endpoint authorize=URL"),
    *(
        (
            nothing,
            f"{ANY} --endpoint token=https://i.example/t --endpoint authorize=https://i.example/a --set {bad}",
            SECRET,
            2,
            "Usage",
            "",
            words,
        )
        for bad, words in (
            ("iss=required", "issuer=URL"),
            *((bad, "authorize.NAME") for bad in ("authorize.=x", "authorize=x", "other.x=y", ".x=y")),
        )
    ),
    (failing("apps", "register", StoreUnavailable("CreateSecret: X")), f"{SHOP} --client-secret-stdin", SECRET, 5,
        "StoreUnavailable", "", ""),
    (failing("apps", "get", UnknownApp("ResourceNotFound")), f"app show {APP}", None, 1, "AppSecretGone",
        f"tokensync app remove {APP}", "is gone"),
    *((nothing, f"app {verb} Other!", None, 2, "InvalidName", "", "") for verb in ("show", "remove", "pause",
        "resume")),
    *(
        (nothing, command, "code-1", 3, "UnknownApp", "tokensync app list", "nope")
        for command in (
            *(f"app {verb} nope" for verb in ("show", "pause", "resume", "rotate-secret", "remove")),
            "app set nope push=none",
            *(f"{verb} nope" for verb in ("invite", "connect", "paste")),
            "import nope --account x",
            "list --app nope",
        )
    ),
    (connected, f"app remove {APP}", None, 2, "Usage", f"tokensync app remove {APP} --yes", "1 connection of"),
    *(
        (nothing, f"app set {APP} {pair}", None, 2, "Usage", "", "")
        for pair in ("push=elsewhere", "owner=me", "colour=red", "push", "return_url=javascript:1")
    ),
    (nothing, f"app set-consumer-key {APP}", KEY, 2, "Usage", SAME_KEY, ""),
    (others, "app set-consumer-key eshopbox --key-stdin", KEY, 1, "WrongProvider", "", ""),
    (nothing, f"app rotate-secret {APP}", SECRET, 2, "Usage", "", ""),
    (nothing, f"app rotate-secret {APP} --client-secret-stdin", "e59af819cc", 2, "Usage", "", ""),
    (
        nothing,
        f"app rotate-secret {APP} --client-secret-stdin",
        SECRET,
        1,
        "NoConnection",
        f"tokensync app rotate-secret {APP} --finish",
        "--abort",
    ),
    *((nothing, f"app rotate-secret {APP} {option}", None, 1, "NoNewSecret", "", "") for option in ("--finish",
        "--abort")),
    *(
        (nothing, f"app rotate-secret {APP} {both}", None, 2, "Usage", "", "")
        for both in ("--finish --abort", "--without-proof --keep", "--abort --keep", "--finish --keep")
    ),
    *(
        (nothing, f"{verb} {APP}/nobody", None, 3, "UnknownConnection", "tokensync list", "")
        for verb in ("show", "history", "token", "refresh", "verify", "publish", "accept", "revoke", "remove")
    ),
    (nothing, f"recover {APP}/nobody", None, 3, "UnknownConnection", "", ""),
    (nothing, f"export {APP}/nobody", None, 3, "UnknownConnection", "", ""),
    *(
        (nothing, f"{verb} nobody", None, 2, "Usage", "tokensync list", "A connection is written app/account.")
        for verb in ("show", "history", "token", "refresh", "recover")
    ),
    (nothing, "list --app Other!", None, 2, "InvalidName", "", ""),
    *((unproved, f"{verb} {NAME}", None, 5, "", f"tokensync refresh {NAME}",
        "no access token yet") for verb in ("token", "export")),
    *((gone, f"{verb} {NAME}", None, 1, "SecretGone", f"tokensync publish {NAME}", "") for verb in ("token", "export")),
    (lambda desk: gone(desk, status=Status.REAUTHORIZE), f"token {NAME}", None, 4, "", INVITE, ""),
    (lambda desk: gone(desk, published=None), f"token {NAME}", None, 5, "", "", ""),
    (lambda desk: gone(desk, status=Status.ORPHANED), f"token {NAME}", None, 1, "SecretGone",
        f"tokensync publish {NAME}", ""),
    (failing("sealer", "open", SealingUnavailable("Decrypt: AccessDeniedException")), f"show {NAME} --reveal", None, 1,
        "RevealDenied", "", "RevealPrincipalArn"),
    (failing("sealer", "open", SealingUnavailable("Decrypt: ThrottlingException")), f"show {NAME} --reveal", None, 5,
        "", "", ""),
    (lambda desk: connected(desk, sealed_grant=None), f"show {NAME} --reveal", None, 1, "NoGrant", "", ""),
    (failing("connections", "get", StoreUnavailable("GetItem: Throttling")), f"show {NAME}", None, 5,
        "StoreUnavailable", "", "GetItem: Throttling."),
    (connected, f"export {NAME} --format owox", None, 1, "WrongProvider", "", ""),
    (cart, f"push {NAME} --to api2cart", None, 1, "NotOffered", f"tokensync app set {APP} push=api2cart",
        "owner=consumer"),
    (connected, f"push {NAME} --to elsewhere", None, 2, "Usage", "", ""),
    (connected, f"push {NAME}", None, 2, "Usage", "", ""),
    (connected, f"accept {NAME}", None, 1, "", LATER_SHOW, "not quarantined"),
    (status(Status.QUARANTINED), f"accept {NAME}", None, 2, "Usage", f"tokensync accept {NAME} --yes",
        f"Accept account {ACCOUNT}"),
    (connected, f"revoke {NAME} --local", None, 2, "Usage", f"tokensync revoke {NAME} --local --yes", ""),
    (connected, f"revoke {NAME} --yes", None, 1, "NotOffered", f"tokensync revoke {NAME} --local",
        "the account itself ends the authorization"),
    *((connected, f"remove {NAME} --yes --recovery-days {days}", None, 2, "Usage", "", "") for days in ("6", "31",
        "x")),
    (connected, f"refresh {NAME} --timeout soon", None, 2, "Usage", "", ""),
    *(
        (broken(raw), f"refresh {NAME}", None, 1, "UnknownAnswer", "tokensync deploy", "")
        for raw in (b"", b"null", b"[]", b"<html>", b'{"ok": false}', b'{"ok": false, "error": "x"}')
    ),
    (broken(b'{"ok": false, "error": {"class": "new", "message": "m", "next": "n"}, "exit": 77}'), "tick", None, 1,
        "new", "n", "M."),
    (broken(CommandFailed("It broke.", next_command=typed("tokensync doctor"), kind="FunctionBroken")), "tick", None, 1,
        "FunctionBroken", "tokensync doctor", "It broke."),
    (lambda desk: desk.world.dead_letters.fail_next("receive", QueueUnavailable), "recover", None, 5, "", "", ""),
    (paused, f"connect {APP}", None, 1, "", f"tokensync app rotate-secret {APP}", ""),
    (paused, f"import {APP} --account {ACCOUNT}", None, 1, "AppPaused", f"tokensync app rotate-secret {APP}", ""),
    (nothing, f"invite {APP} --for {APP}/nobody", None, 3, "UnknownConnection", "", ""),
    (nothing, f"invite {APP} --for other/1", None, 2, "Usage", "", "belongs to the app other"),
    (nothing, f"invite {APP} --for nonsense", None, 2, "Usage", "", ""),
    *(
        (nothing, f"invite {APP} {option}", None, 2, "Usage", "", "")
        for option in ("--expires 7", "--expires 0d", "--expires 91d", "--expires 99999999999999d",
            f"--label {'x' * 101}", "--label 'a\nb'")
    ),
    (others, "invite oidc --label '\u202e'", None, 2, "Usage", "tokensync invite oidc --label L", ""),
    (others, "paste oidc --label Ada", "code-1", 2, "Usage", "tokensync paste oidc --begin --label L", ""),
    (others, "paste oidc --begin --label 'a\nb'", "code-1", 2, "Usage", "tokensync paste oidc --begin --label L", ""),
    (others, f"connect own --label {'x' * 101}", None, 2, "Usage", "tokensync connect own --label L", ""),
    *(
        (others, f"{verb} {name}", None, 1, "NoConsent", following, "")
        for verb, name, following in (
            ("invite", "eshopbox", "tokensync import eshopbox --account ID"),
            ("connect", "eshopbox", "tokensync import eshopbox --account ID"),
            ("invite", "own", "tokensync connect own"),
        )
    ),
    *((others, f"paste {name}{begin}", "code-1", 1, "InvalidApp", "", "") for name in ("own",
        "eshopbox") for begin in ("", " --begin")),
    (others, "paste oidc", "code-1", 2, "BeginFirst", "tokensync paste oidc --begin", ""),
    *(
        (others, "paste oidc", f"https://connect.example/callback/oidc{address}", code, kind, following, words)
        for address, code, kind, following, words in (
            ("?error=access_denied", 4, "cancelled", "tokensync invite oidc", "The account declined (access_denied)."),
            ("?error=invalid_scope", 1, "cancelled", "tokensync app show oidc", "The provider refused the request"),
            ("", 2, "Usage", "", "no code and no state"),
            ("?x=1", 2, "Usage", "", "no code and no state"),
            ("?state=s", 2, "Usage", "", "This address holds no code:"),
        )
    ),
    *(
        (nothing, f"paste {APP}", stdin, code, "", "", "")
        for stdin, code in (
            ("", 2), ("  \n", 2), ("x" * (connect._LONGEST_PASTED + 1), 2), (b"\xff\xfe\xff", 2), ("a\0b", 2),
            ("a-code-that-nobody-gave", 4), ("https://connect.example/callback/x?error=access_denied", 4),
        )
    ),
    *(
        (nothing, f"import {APP} {options}", "R0", 2, "Usage", "", "")
        for options in ("", "--dry-run", "--account a --file x", "--file x --label L", "--account a --dry-run",
            "--account 'a\nb'")
    ),
    (nothing, f"import {APP} --file /nowhere/rows.csv", None, 2, "Usage", f"tokensync import {APP} --file PATH",
        "/nowhere/rows.csv cannot be read: No such file or directory."),
    *(
        (nothing, f"import {APP} --account {ACCOUNT}", stdin, 2, "Usage", "", "")
        for stdin in (
            "", "{", '{"refresh_token": "s3cr3t-canary"', "{" + '"a":[' * 99_999, "s3cr3t-canary\u00e4",
            '{"s3cr3t-canary": 1}', '{"label": "x"}',
            '{"refresh_token": "s3cr3t-canary", "expires_at": "s3cr3t-canary"}',
        )
    ),
    (nothing, f"import {APP} --account {ACCOUNT}", SECRET, 4, "", INVITE,
        "imported, but the provider refuses this token"),
    (connected, f"import {APP} --account {ACCOUNT}", "R1", 1, "AlreadyStands",
        f"tokensync import {APP} --account {ACCOUNT} --replace", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("setup", "command", "stdin", "code", "kind", "following", "words"),
    CASES,
    ids=[f"{case[1][:60]} {index}" for index, case in enumerate(CASES)],
)
def test_a_failure_is_told_as_documented(  # noqa: PLR0917 - the columns of the table
    desk: Any,
    setup: Callable[[Any], None],
    command: str,
    stdin: str | bytes | None,
    code: int,
    kind: str,
    following: str,
    words: str,
) -> None:
    """Exit code, class and next command; a usage error asks no function and changes nothing; no secret is repeated."""
    setup(desk)
    before, asked = desk.world.apps.names(), len(desk.functions.asked)

    found, error = desk.error(*shlex.split(command), stdin=stdin)

    assert code == found, error
    assert (kind or error["class"]) == error["class"]
    assert (following or error["next"]) == error["next"]
    assert words in error["message"]
    assert "canary" not in f"{error}"
    if (code, kind) == (2, "Usage"):
        assert (before, asked) == (desk.world.apps.names(), len(desk.functions.asked))


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("app",), ("list", "--nonsense"), ("show",), ("list", "--status", "well"), ("up", "--port", "0")],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_a_usage_error(desk: Any, arguments: tuple[str, ...]) -> None:
    """Exit code 2, a sentence and the help to read, and no traceback."""
    result = desk.start(*arguments)

    assert (2, "") == (result.exit_code, result.stdout)
    assert result.stderr.startswith("Error: ")
    assert "Next: tokensync" in result.stderr
    assert "--help" in result.stderr


@pytest.mark.parametrize(
    ("command", "question", "otherwise"),
    [
        (f"revoke {NAME} --local", "", Status.ACTIVE),
        (f"remove {NAME}", "", Status.ACTIVE),
        (f"app remove {APP}", "1 connection of", Status.ACTIVE),
    ],
)
def test_who_says_no_changed_nothing(desk: Any, command: str, question: str, otherwise: Status) -> None:
    """On a terminal it is asked; exit code 1 and a word that nothing was done."""
    connected(desk)
    desk.is_interactive = True
    result = desk.run(*shlex.split(command), stdin="n\n")

    assert (1, True) == (result.exit_code, "Nothing was done." in result.stderr)
    assert question in result.stderr
    assert (otherwise, [APP], []) == (desk.world.stored().status, desk.world.apps.names(), desk.functions.asked)


@pytest.mark.parametrize("verb", ["token", "refresh", "verify"])
def test_a_name_that_a_shell_would_take_apart_is_quoted(desk: Any, verb: str) -> None:
    """What is behind Next runs as it is, whatever a provider calls its accounts."""
    name = replace(NAME, account="it's mine; rm")
    desk.world.connections.seed(replace(desk.world.connected(name, refresh_token="R-9"), status=Status.REAUTHORIZE))
    desk.world.secrets.destroy(desk.world.secrets.secret(name).arn)

    following = desk.error(verb, str(name))[1]["next"]
    assert ["tokensync", "invite", APP, "--for", str(name)] == shlex.split(following)
