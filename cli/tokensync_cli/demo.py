"""`make demo`: the product's main job from end to end, on this machine, with nothing pretended.

Three sellers of the sandbox connect through the real pages, a consumer reads a token from Secrets Manager, and the
scheduled rotation refreshes all three. Everything goes through the command line, HTTP and AWS's API, as a user's would.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
import httpx

from tokensync_cli.browsing import Seller
from tokensync_cli.output import Output

APP = "tiktok-shop"
# One seller of each regional variant: their tokens differ in form, and nothing in the product depends on it.
REGIONS = ("ID", "US", "GB")
# Two of the schedule's minutes, and what the embedded AWS adds to them.
_PATIENCE_SECONDS = 180
_LOOK_SECONDS = 1.0


class DemoFailed(Exception):
    """A step did not end as it must. The message says which, and what to look at."""


def tokensync(*arguments: str, show: bool = True) -> str:
    """Run the command line as a user would; its progress and its warnings go to the terminal.

    Raises:
        DemoFailed: it exited with an error, which it has told on stderr.
    """
    if show:
        print(f"\n$ tokensync {' '.join(arguments)}", flush=True)
    done = subprocess.run(
        [str(Path(sys.executable).with_name("tokensync")), *arguments],
        stdout=subprocess.PIPE,
        stderr=None if show else subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DemoFailed(f"tokensync {' '.join(arguments)} exited with {done.returncode}. {done.stderr or ''}")
    return done.stdout


def asked(*arguments: str) -> Any:
    """Return what a command prints as JSON."""
    return json.loads(tokensync(*arguments, "--json", show=False))


def sellers(sandbox_url: str) -> list[dict[str, Any]]:
    """Return one of the sandbox's sellers for each region."""
    accounts = httpx.get(f"{sandbox_url}/_sandbox/accounts", timeout=10).json()["accounts"]
    return [next(account for account in accounts if account["region"] == region) for region in REGIONS]


def connect(outputs: dict[str, Any], accounts: Sequence[dict[str, Any]], out: Output) -> list[str]:
    """Connect the sellers as their browsers would, and return the connections' names."""
    names = []
    for account in accounts:
        link = asked("invite", APP, "--label", account["label"])["url"]
        told = Seller(outputs["sandbox_url"]).connect(link, account=account["account"])
        if told != "Your account is connected":
            raise DemoFailed(f"The result page of {account['label']} says: {told}. Look at `tokensync doctor`.")
        out.line(f"  {account['region']}  {account['label']}: {told}")
        names.append(f"{APP}/{account['account']}")
    return names


def read_as_a_consumer(outputs: dict[str, Any], secret: str) -> dict[str, Any]:
    """Read a connection's secret as a workload does."""
    client = boto3.client(
        "secretsmanager",
        endpoint_url=outputs["endpoint"],
        region_name=outputs["region"],
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the embedded AWS's administrator, known to everybody
    )
    document: dict[str, Any] = json.loads(client.get_secret_value(SecretId=secret)["SecretString"])
    return document


def show_document(document: dict[str, Any], out: Output) -> None:
    """Print a published secret, with its token cut short: a demo teaches no bad habits."""
    token = document["access_token"]
    shops = document["account"].get("shops", [])
    out.line(
        json.dumps(
            {
                **document,
                "access_token": f"{token[:12]}… ({len(token)} characters)",
                "account": {**document["account"], "shops": [shop["name"] for shop in shops]},
            },
            indent=2,
            ensure_ascii=False,
        )
    )


def wait_for_the_schedule(names: Sequence[str], before: dict[str, int], out: Output) -> dict[str, dict[str, Any]]:
    """Return the connections once the scheduled rotation has brought each of them a new generation."""
    started, said = time.monotonic(), ""
    with out.progress("Waiting for EventBridge Scheduler's next minute") as tell:
        while True:
            listed = {one["connection"]: one for one in asked("list")}
            fresh = [name for name in names if listed[name]["generation"] > before[name]]
            if len(fresh) == len(names):
                return listed
            waited = time.monotonic() - started
            if waited > _PATIENCE_SECONDS:
                raise DemoFailed(
                    f"After {waited:.0f} s the schedule has refreshed {len(fresh)} of {len(names)} connections. "
                    "Look at `tokensync list` and `tokensync doctor`."
                )
            text = (
                f"Waiting for EventBridge Scheduler's next minute ({waited // 10 * 10:.0f} s, {len(fresh)} refreshed)"
            )
            if text != said:
                # By tens of seconds: where no terminal redraws the line, each change is a line of its own.
                tell(said := text)
            time.sleep(_LOOK_SECONDS)


def check_the_ledger(outputs: dict[str, Any], out: Output) -> None:
    """Ask the provider's side what was presented to it.

    Raises:
        DemoFailed: something was presented twice.
    """
    ledger = httpx.get(f"{outputs['sandbox_url']}/_sandbox/ledger?summary=1", timeout=10).json()
    if ledger["doubles"]:
        raise DemoFailed(f"The provider was shown {len(ledger['doubles'])} codes or tokens more than once.")
    counts = {kind: sum(outcomes.values()) for kind, outcomes in ledger["by_kind"].items()}
    shown = ", ".join(f"{count} {kind.replace('_', ' ')}s" for kind, count in counts.items())
    out.line(f"The provider's own ledger: {shown} presented, none of them twice.")


def demo(out: Output) -> None:
    """Run the demo.

    Raises:
        DemoFailed: a step did not end as it must.
    """
    started = time.monotonic()
    sys.stdout.write(tokensync("up", "--detach"))
    outputs = asked("outputs")
    out.line("\nThree sellers open their invitations and give the permission:")
    names = connect(outputs, sellers(outputs["sandbox_url"]), out)
    listed = {one["connection"]: one for one in asked("list")}
    before = {name: listed[name]["generation"] for name in names}
    secret = listed[names[0]]["secret"]
    out.line(f"\n$ aws secretsmanager get-secret-value --secret-id {secret}")
    first = read_as_a_consumer(outputs, secret)
    show_document(first, out)
    out.line("\nThe sandbox's tokens live 200 seconds, so the schedule has to refresh them soon.")
    after = wait_for_the_schedule(names, before, out)
    out.table(
        ["connection", "label", "status", "generation before", "after"],
        [
            [name, after[name]["label"], after[name]["status"], before[name], after[name]["generation"]]
            for name in names
        ],
    )
    second = read_as_a_consumer(outputs, secret)
    if second["access_token"] == first["access_token"] or second["generation"] <= first["generation"]:
        raise DemoFailed("The secret still holds the first token although the connection has a newer one.")
    out.line(f"\nThe secret holds generation {second['generation']} now: another token, and nobody had to ask.")
    check_the_ledger(outputs, out)
    out.line(f"\nAll is well, after {time.monotonic() - started:.0f} s. The stack stays up. Try next:")
    for following in (
        f".venv/bin/tokensync connect {APP}          click through the consent page yourself",
        ".venv/bin/tokensync list                          what is connected",
        f".venv/bin/tokensync history {names[0]}",
        f".venv/bin/tokensync refresh {names[0]}",
        f'curl -H "x-tts-access-token: $(.venv/bin/tokensync token {names[0]})" …',
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
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
