"""`make demo`: the product's main job from end to end, on this machine, with nothing pretended.

One account of each provider connects: through the real pages, or by import where a provider has none. A consumer reads
a token from Secrets Manager, and the schedule refreshes what expires and verifies what does not. Everything goes
through the command line, HTTP and AWS's API, as a user's would.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx

from tokensync.domain.command_line import CommandLine, typed
from tokensync.entry.exit_codes import INTERRUPTED
from tokensync_cli.demo.browser import Seller
from tokensync_cli.output.console import Output

APP = "tiktok-shop"  # whose secret is read
# The sandbox's apps, one for each provider; the last has no consent page, so its account is imported.
BY_CONSENT = (APP, "tiktok-login", "tiktok-ads", "tiktok-accounts", "oauth2")
BY_IMPORT = ("eshopbox",)
# Two of the schedule's minutes, and what the embedded AWS adds to them.
_PATIENCE_SECONDS = 180
_LOOK_SECONDS = 1.0


class DemoFailed(Exception):
    """A step did not end as it must. The message says which, and what to look at."""


@dataclass(frozen=True)
class Account:
    """One of the sandbox's accounts, and the app that it connects to."""

    app: str
    id: str
    label: str


def tokensync(*arguments: str, show: bool = True, stdin: str | None = None) -> str:
    """Run the command line as a user would; its progress and its warnings go to the terminal.

    Raises:
        DemoFailed: it exited with an error, which it has printed on stderr.
    """
    if show:
        print(f"\n$ {CommandLine(('tokensync', *arguments))}", flush=True)
    done = subprocess.run(
        [str(Path(sys.executable).with_name("tokensync")), *arguments],
        stdout=subprocess.PIPE,
        stderr=None if show else subprocess.PIPE,
        text=True,
        check=False,
        input=stdin,
    )
    if done.returncode:
        raise DemoFailed(f"{CommandLine(('tokensync', *arguments))} exited with {done.returncode}. {done.stderr or ''}")
    return done.stdout


def asked(*arguments: str, stdin: str | None = None) -> Any:
    """Return what a command prints as JSON."""
    return json.loads(tokensync(*arguments, "--json", show=False, stdin=stdin))


def accounts_of(sandbox_url: str, apps: Sequence[str]) -> list[Account]:
    """Return the first of the sandbox's accounts for each app."""
    known = httpx.get(f"{sandbox_url}/_sandbox/accounts", timeout=10).json()["accounts"]
    first = {account["provider"].replace("_", "-"): account for account in reversed(known)}
    return [Account(app, first[app]["account"], first[app]["label"]) for app in apps]


def connect(outputs: dict[str, Any], account: Account) -> str:
    """Connect an account as its browser would, and return the connection's name."""
    link = asked("invite", account.app, "--label", account.label)["url"]
    headline = Seller(outputs["sandbox_url"]).connect(link, account=account.id)
    if headline != "Your account is connected":
        raise DemoFailed(f"The result page of {account.label} says: {headline}. Look at `tokensync doctor`.")
    # By its label: what a provider calls the account that authorized is not always what the account calls itself.
    wanted = (account.app, account.label)
    return next(str(one["connection"]) for one in asked("list") if (one["app"], one["label"]) == wanted)


def bring(outputs: dict[str, Any], account: Account) -> str:
    """Import an account: an operator copies its refresh token from the provider's own page, here the sandbox's."""
    client_id = asked("app", "show", account.app)["client_id"]
    page = {"provider": account.app.replace("-", "_"), "app": client_id, "account": account.id}
    copied = httpx.post(f"{outputs['sandbox_url']}/_sandbox/credentials", json=page, timeout=10).json()
    wanted = ("import", account.app, "--account", account.id, "--label", account.label, "--replace")
    asked(*wanted, stdin=copied["refresh_token"])
    return f"{account.app}/{account.id}"


def read_as_a_consumer(outputs: dict[str, Any], secret: str) -> dict[str, Any]:
    """Read a connection's secret as a workload does."""
    client = boto3.client(
        "secretsmanager",
        endpoint_url=outputs["endpoint"],
        region_name=outputs["region"],
        aws_access_key_id=outputs["access_key_id"],
        aws_secret_access_key=outputs["secret_access_key"],
    )
    document: dict[str, Any] = json.loads(client.get_secret_value(SecretId=secret)["SecretString"])
    return document


def show_document(document: dict[str, Any], out: Output) -> None:
    """Print a published secret, with its token cut short: a demo teaches no bad habits."""
    token = document["access_token"]
    shops = document["account"].get("shops", [])
    out.json(
        {
            **document,
            "access_token": f"{token[:12]}... ({len(token)} characters)",
            "account": {**document["account"], "shops": [shop["name"] for shop in shops]},
        }
    )


def progress_of(one: dict[str, Any]) -> int:
    """Return a number that grows when the schedule has refreshed or verified a connection.

    It is its generation, or the time of its last verification where its token never expires.
    """
    return int(one["generation"] if one["access_expires_at"] else one["verified_at"] or 0)


def wait_for_the_schedule(before: dict[str, dict[str, Any]], out: Output) -> dict[str, dict[str, Any]]:
    """Return the connections once the schedule has refreshed, or else verified, each of them."""
    started, said = time.monotonic(), ""
    with out.progress("Waiting for EventBridge Scheduler's next minute") as say:
        while True:
            listed = {one["connection"]: one for one in asked("list")}
            fresh = [name for name in before if progress_of(listed[name]) > progress_of(before[name])]
            if len(fresh) == len(before):
                return listed
            waited = time.monotonic() - started
            if waited > _PATIENCE_SECONDS:
                raise DemoFailed(
                    f"After {waited:.0f} s the schedule has refreshed or verified {len(fresh)} of {len(before)} "
                    "connections. Look at `tokensync list` and `tokensync doctor`."
                )
            text = f"Waiting for EventBridge Scheduler's next minute ({waited // 10 * 10:.0f} s, {len(fresh)} done)"
            if text != said:
                # By tens of seconds: where no terminal redraws the line, each change is a line of its own.
                say(said := text)
            time.sleep(_LOOK_SECONDS)


def check_the_ledger(outputs: dict[str, Any], out: Output) -> None:
    """Ask the providers' side what was presented to it.

    Raises:
        DemoFailed: something was presented twice.
    """
    ledger = httpx.get(f"{outputs['sandbox_url']}/_sandbox/ledger?summary=1", timeout=10).json()
    # A refresh token that never rotates is shown at each refresh: there is no other.
    constant = {one["provider"] for one in asked("provider", "list") if one["refresh_reuse"] == "safe"}
    doubles = [double for double in ledger["doubles"] if double["provider"] not in constant]
    if doubles:
        raise DemoFailed(f"The providers were shown {len(doubles)} codes or tokens more than once.")
    counts = {kind: sum(outcomes.values()) for kind, outcomes in ledger["by_kind"].items()}
    shown = ", ".join(f"{count} {kind.replace('_', ' ')}s" for kind, count in counts.items())
    out.line(f"The providers' own ledger: {shown} presented, none of them twice")
    out.line(f"(but those of {', '.join(sorted(constant))}, which never rotate).")


def connect_all(outputs: dict[str, Any], out: Output) -> list[str]:
    """Connect one account of each provider, and return the connections' names."""
    names = []
    out.line("")
    out.line("One account of each provider opens its invite and gives the permission:")
    for account in accounts_of(outputs["sandbox_url"], BY_CONSENT):
        names.append(connect(outputs, account))
        out.line(f"  {account.app:16} {account.label}: your account is connected")
    out.line("")
    out.line("A provider without a consent page: its refresh token is copied from its console and imported.")
    for account in accounts_of(outputs["sandbox_url"], BY_IMPORT):
        names.append(bring(outputs, account))
        out.line(f"  {account.app:16} {account.label}: imported, and proved by a first refresh")
    return names


def row_of(after: dict[str, Any], before: dict[str, Any]) -> list[object]:
    """Return the row that says what the schedule did for a connection."""
    done = f"refreshed, generation {before['generation']} → {after['generation']}"
    if not after["access_expires_at"]:
        done = "verified again: its token never expires"
    return [after["connection"], after["label"], after["status"], done]


def demo(out: Output) -> None:
    """Run the demo.

    Raises:
        DemoFailed: a step did not end as it must.
    """
    started = time.monotonic()
    sys.stdout.write(tokensync("up", "--detach"))
    outputs = asked("outputs")
    names = connect_all(outputs, out)
    before = {one["connection"]: one for one in asked("list") if one["connection"] in names}
    secret = before[names[0]]["secret"]
    out.line("")
    out.line(f"$ aws secretsmanager get-secret-value --secret-id {secret}")
    first = read_as_a_consumer(outputs, secret)
    show_document(first, out)
    out.line("")
    out.line("The sandbox's tokens live 200 seconds, so the schedule has to refresh them soon.")
    after = wait_for_the_schedule(before, out)
    out.table(["connection", "label", "status", "by schedule"], [row_of(after[name], before[name]) for name in names])
    second = read_as_a_consumer(outputs, secret)
    if second["access_token"] == first["access_token"] or second["generation"] <= first["generation"]:
        raise DemoFailed("The secret still holds the first token although the connection has a newer one.")
    out.line("")
    out.line(f"The secret holds generation {second['generation']} now: another token, and nobody had to ask.")
    check_the_ledger(outputs, out)
    out.line("")
    out.line(f"All is well, after {time.monotonic() - started:.0f} s. The stack stays up. Try next:")
    for following in (
        f"{typed('.venv/bin/tokensync connect {app}', app=APP)!s:49} click through the consent page yourself",
        ".venv/bin/tokensync list                          what is connected",
        typed(".venv/bin/tokensync history {name}", name=names[0]),
        typed(".venv/bin/tokensync refresh {name}", name=names[0]),
        f'curl -H "x-tts-access-token: $({typed(".venv/bin/tokensync token {name}", name=names[0])})" …',
        "make down                                         stop it; what it holds is kept",
    ):
        out.line(f"  {following}")


def main() -> int:
    """Run the demo and return the exit code."""
    # In step with the progress on stderr, also where both go into one file.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        demo(Output())
    except DemoFailed as failed:
        print(f"\nThe demo failed: {failed}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The stack stays up; `make down` stops it.", file=sys.stderr)
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
