"""The commands of the command line as an operator runs them, each with its success and with what is not there."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from stack import Browser
from tokensync.domain.connection import Status
from tokensync.domain.names import ConnectionName, app_secret_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from stack import Printed, Sandbox, Stack
    from users import User

APP = "operators-shop"
NOBODY = "nobody"  # an app and an account that are not there
STRANGER = f"{APP}/{NOBODY}"
NOT_FOUND = 3


class Desk:
    """What an operator does, command by command. Each method returns what the command printed."""

    def __init__(self, stack: Stack, sandbox: Sandbox, user: User) -> None:
        self.stack = stack
        self.sandbox = sandbox
        self.user = user
        self.run = user.command

    # What a scenario begins with is made as administrator.

    def connected(self) -> ConnectionName:
        """Return a new connection."""
        return self.stack.connect(APP, self.sandbox, self.sandbox.sellers(1)[0])

    def registered(self) -> str:
        """Return a new app that speaks to the sandbox."""
        name = f"shop-{secrets.token_hex(4)}"
        self.stack.add_app(name)
        return name

    def without_secret(self) -> str:
        """Return an app whose secret somebody deleted for good."""
        name = self.registered()
        secret = app_secret_name(self.stack.outputs.secret_prefix, name)
        self.stack.secrets.delete_secret(SecretId=secret, ForceDeleteWithoutRecovery=True)
        return name

    def unpublished(self) -> ConnectionName:
        """Return a connection whose secret somebody deleted for good."""
        name = self.connected()
        published = self.stack.stored(name).published
        assert published is not None
        self.stack.secrets.delete_secret(SecretId=published.arn, ForceDeleteWithoutRecovery=True)
        return name

    def quarantined(self) -> ConnectionName:
        """Return a connection of another account than the one that was asked for."""
        right, wrong = self.connected(), self.sandbox.sellers(1)[0]
        browser = Browser(self.stack, APP, self.sandbox)
        browser.connect(self.stack.invite(APP, for_account=right.account))
        browser.get(browser.consent(wrong))
        assert self.stack.stored(ConnectionName(APP, wrong)).status is Status.QUARANTINED
        return ConnectionName(APP, wrong)

    def refresh_token(self, account: str) -> str:
        """Return a refresh token that the provider gave by hand."""
        pair = self.sandbox.call(
            "POST", "credentials", provider="tiktok_shop", app=self.sandbox.app_key, account=account
        )
        return str(pair["refresh_token"])

    # The commands.

    def add(self, name: str) -> Printed:
        """Register an app of TikTok Shop."""
        ids = ("--client-id", "29a39d", "--service-id", "7172")
        return self.run("app", "add", name, "--provider", "tiktok_shop", *ids, "--client-secret-stdin", stdin="secret")

    def add_again(self) -> Printed:
        """Register an app that was removed: its secret comes back."""
        name = self.registered()
        removed = self.run("app", "remove", name)
        return self.add(name) if removed.code == 0 else removed

    def bank(self) -> str:
        """Return a new app that may authenticate by a private key."""
        name = f"bank-{secrets.token_hex(4)}"
        urls = [f"--endpoint={key}=https://bank.example/{key}" for key in ("authorize", "token")]
        settings = ["--set=client_auth=private_key_jwt", "--set=account_field=sub"]
        done = self.run(
            *("app", "add", name, "--provider", "oauth2", "--client-id", "x", "--private-key-file", "-"),
            *(*urls, *settings),
            stdin=pem(),
        )
        assert done.code == 0, done.stderr
        return name

    def revoke_all(self) -> Printed:
        """End every invite; the functions start cold afterwards, so that new links work at once."""
        try:
            return self.run("invites", "revoke", "--all", "--yes")
        finally:
            self.stack.start_anew(self.stack.outputs.callback_function)

    def connect(self) -> Printed:
        """Connect an account; the seller is quick."""

        def walk(url: str) -> bool:
            browser = Browser(self.stack, APP, self.sandbox)
            browser.connect(url)
            browser.get(browser.consent(self.sandbox.sellers(1)[0]))
            return True

        return self.run("connect", APP, "--timeout", "30s", browse=walk)

    def paste(self) -> Printed:
        """Exchange a bare code."""
        browser = Browser(self.stack, APP, self.sandbox, state="by-hand")
        code = parse_qs(urlsplit(browser.consent(self.sandbox.sellers(1)[0])).query)["code"][0]
        return self.run("paste", APP, stdin=code)

    def push(self) -> Printed:
        """Ask whether a consumer accepts a store that it was given."""
        name = self.connected()
        return self.run("push", str(name), "--to", "api2cart")

    def doctor(self, check: str) -> bool:
        """Return whether `doctor` finds one link of the chain well."""
        found = self.run("doctor").told
        return [one["ok"] for one in found if one["check"] == check][:1] == [True]


def pem() -> str:
    """Return a new private key."""
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def new() -> str:
    """Return the name of an app that is not there."""
    return f"new-{secrets.token_hex(4)}"


class Case(NamedTuple):
    """One way in which a command is run, and how it ends: the exit code, and the word of the error."""

    run: Callable[[Desk], Printed]
    code: int = 0
    kind: str = ""


def absent(run: Callable[[Desk], Printed], kind: str = "UnknownApp") -> Case:
    """Return a case whose app or connection is not there."""
    return Case(run, NOT_FOUND, kind)


def missing(*words: str, stdin: str = "x") -> Case:
    """Return a command about an app that is not registered."""
    return absent(lambda desk: desk.run(*words, stdin=stdin))


def stranger(*words: str) -> Case:
    """Return a command about a connection that is not there."""
    return absent(lambda desk: desk.run(*words), "UnknownConnection")


def of_app(*words: str, stdin: str = "") -> Callable[[Desk], Printed]:
    """Return a command about a new app; `NAME` stands for it."""

    def run(desk: Desk) -> Printed:
        name = desk.registered()
        return desk.run(*(name if word == "NAME" else word for word in words), stdin=stdin)

    return run


def of_connection(*words: str) -> Callable[[Desk], Printed]:
    """Return a command about a new connection; `NAME` stands for it."""

    def run(desk: Desk) -> Printed:
        name = str(desk.connected())
        return desk.run(*(name if word == "NAME" else word for word in words))

    return run


def secretless(*words: str) -> Case:
    """Return a command about an app whose secret is gone; `NAME` stands for it."""

    def run(desk: Desk) -> Printed:
        name = desk.without_secret()
        return desk.run(*(name if word == "NAME" else word for word in words), stdin="x")

    return Case(run, 1, "AppSecretGone")


def unread(*words: str) -> Case:
    """Return a command about a connection whose secret is gone; `NAME` stands for it."""

    def run(desk: Desk) -> Printed:
        name = str(desk.unpublished())
        return desk.run(*(name if word == "NAME" else word for word in words))

    return Case(run, 1, "SecretGone")


# By the words of the command: how it succeeds, then how it ends where something is not there.
CASES: dict[str, tuple[Case, ...]] = {
    "outputs": (
        Case(lambda desk: desk.run("outputs")),
        # Another stack's name looks to IAM like one without permission.
        Case(lambda desk: desk.run("outputs", of="nowhere"), 1, "AccessDenied"),
    ),
    "app add": (
        Case(lambda desk: desk.add(new())),
        Case(Desk.add_again),
        Case(lambda desk: desk.add(APP), 1, "AppExists"),
    ),
    "app list": (Case(lambda desk: desk.run("app", "list")),),
    "app show": (
        Case(of_app("app", "show", "NAME")), missing("app", "show", NOBODY), secretless("app", "show", "NAME"),
    ),
    "app remove": (
        Case(of_app("app", "remove", "NAME")),
        missing("app", "remove", NOBODY),
        Case(lambda desk: desk.run("app", "remove", desk.without_secret())),
    ),
    "app policy": (Case(of_app("app", "policy", "NAME")), missing("app", "policy", NOBODY)),
    "app pause": (Case(of_app("app", "pause", "NAME")), missing("app", "pause", NOBODY)),
    "app resume": (Case(of_app("app", "resume", "NAME")), missing("app", "resume", NOBODY)),
    "app set": (
        Case(of_app("app", "set", "NAME", "return_url=https://shop.example/done")),
        missing("app", "set", NOBODY, "return_url=https://shop.example/done"),
        secretless("app", "set", "NAME", "return_url=https://shop.example/done"),
    ),
    "app set-consumer-key": (
        Case(of_app("app", "set-consumer-key", "NAME", "--key-stdin", stdin="key")),
        missing("app", "set-consumer-key", NOBODY, "--key-stdin"),
        secretless("app", "set-consumer-key", "NAME", "--key-stdin"),
    ),
    "app set-private-key": (
        Case(lambda desk: desk.run("app", "set-private-key", desk.bank(), "--private-key-file", "-", stdin=pem())),
        missing("app", "set-private-key", NOBODY, "--private-key-file", "-"),
        secretless("app", "set-private-key", "NAME", "--private-key-file", "-"),
    ),
    "app rotate-secret": (
        Case(of_app("app", "rotate-secret", "NAME", "--client-secret-stdin", "--without-proof", stdin="second")),
        missing("app", "rotate-secret", NOBODY, "--client-secret-stdin"),
        secretless("app", "rotate-secret", "NAME", "--client-secret-stdin"),
    ),
    "invite": (
        Case(lambda desk: desk.run("invite", APP)),
        missing("invite", NOBODY),
        stranger("invite", APP, "--for", STRANGER),
        secretless("invite", "NAME"),
    ),
    "invites revoke": (
        Case(lambda desk: desk.run("invites", "revoke", f"{APP}/{secrets.token_hex(16)}")),
        missing("invites", "revoke", f"{NOBODY}/{secrets.token_hex(16)}"),
        Case(Desk.revoke_all),
    ),
    "connect": (Case(Desk.connect), missing("connect", NOBODY), secretless("connect", "NAME")),
    "paste": (Case(Desk.paste), missing("paste", NOBODY), secretless("paste", "NAME")),
    "import": (
        Case(
            lambda desk: desk.run(
                *("import", APP, "--account", seller := desk.sandbox.sellers(1)[0]), stdin=desk.refresh_token(seller)
            )
        ),
        missing("import", NOBODY, "--account", "x"),
        secretless("import", "NAME", "--account", "x"),
    ),
    "list": (Case(lambda desk: desk.run("list")), missing("list", "--app", NOBODY)),
    "show": (Case(of_connection("show", "NAME")), stranger("show", STRANGER)),
    "history": (Case(of_connection("history", "NAME")), stranger("history", STRANGER)),
    "token": (Case(of_connection("token", "NAME")), stranger("token", STRANGER), unread("token", "NAME")),
    "refresh": (Case(of_connection("refresh", "NAME", "--wait")), stranger("refresh", STRANGER)),
    "tick": (Case(lambda desk: desk.run("tick")),),
    "verify": (Case(of_connection("verify", "NAME")), stranger("verify", STRANGER)),
    "publish": (
        Case(of_connection("publish", "NAME")),
        stranger("publish", STRANGER),
        Case(lambda desk: desk.run("publish", str(desk.unpublished()))),
    ),
    "accept": (
        Case(lambda desk: desk.run("accept", str(desk.quarantined()), "--yes")), stranger("accept", STRANGER, "--yes"),
    ),
    "revoke": (
        Case(of_connection("revoke", "NAME", "--local", "--yes")), stranger("revoke", STRANGER, "--local", "--yes"),
    ),
    "remove": (
        Case(of_connection("remove", "NAME", "--yes")),
        stranger("remove", STRANGER, "--yes"),
        Case(lambda desk: desk.run("remove", str(desk.unpublished()), "--yes")),
    ),
    "export": (
        Case(of_connection("export", "NAME", "--alert")), stranger("export", STRANGER), unread("export", "NAME"),
    ),
    "push": (Case(Desk.push, 1, "NotOffered"), stranger("push", STRANGER, "--to", "api2cart")),
    # It is for who deploys, and says so.
    "take-up": (Case(lambda desk: desk.run("take-up"), 1, "AccessDenied"),),
    "recover": (Case(lambda desk: desk.run("recover", "--reread")), stranger("recover", STRANGER)),
}  # fmt: skip
