"""`recover`: brings back what was kept out of its place."""

from typing import Annotated, Any

import typer

from tokensync.entry.exit_codes import FAILED, LATER, NEEDS_SELLER
from tokensync_cli.commands.describe import found
from tokensync_cli.commands.run import Run
from tokensync_cli.output.console import Say
from tokensync_cli.stack.invoke import ask_rotation
from tokensync_cli.stack.target import Target

Name = Annotated[str | None, typer.Argument(metavar="CONNECTION", help="Of this connection alone.", show_default=False)]
Reread = Annotated[
    bool, typer.Option("--reread", help="Read every kept answer again: a newer version or setting may understand it.")
]
_COLUMNS = ("WHAT", "OF", "RESULT", "WHY", "NEXT")


def recover(run: Run, name: Name = None, reread: Reread = False) -> None:
    """Bring back what was kept out of its place: dead letters, answers, authorizations given up, stale secrets.

    No refresh token is presented for it. It may be repeated, and stopped anywhere.
    """
    target = run.target()
    asked: dict[str, Any] = {"tokensync": "recover"}
    if name is not None:
        asked["connection"] = str(found(target, name).name)
    pieces: list[dict[str, Any]] = []
    counts = {"compared": 0}
    with run.out.progress(f"Recovering {name or 'everything'}") as say:
        _walk(target, asked, pieces, counts, say)
        if reread:
            counts |= {"read": 0, "history": 0}
            _walk(target, {**asked, "reread": True}, pieces, counts, say)
    if run.out.as_json:
        run.out.json({"found": pieces, **counts})
    else:
        _print(run, pieces, counts)
    code = _exit_code(pieces)
    if code:
        raise typer.Exit(code)


def _walk(
    target: Target, asked: dict[str, Any], pieces: list[dict[str, Any]], counts: dict[str, int], say: Say
) -> None:
    """Ask until nothing is left, and add up what was found."""
    cursor = ""
    while True:
        answer = ask_rotation(target, {**asked, "cursor": cursor} if cursor else asked)
        pieces += answer["found"]
        for count in counts:
            counts[count] += answer.get(count, 0)
        if not answer["more"]:
            return
        cursor = answer["cursor"]
        numbers = ", ".join(f"{count} {word}" for word, count in counts.items())
        say(f"Recovering: {len(pieces)} found, {numbers}, at {cursor or 'the start'}")


def _print(run: Run, pieces: list[dict[str, Any]], counts: dict[str, int]) -> None:
    if pieces:
        words = ("what", "subject", "result", "why", "next")
        run.out.table(
            _COLUMNS,
            [
                [str(piece[word]).replace("_", " ") if word in ("what", "result") else piece[word] for word in words]
                for piece in pieces
            ],
        )
    else:
        run.out.line("Nothing was out of its place.")
    compared = counts["compared"]
    secrets = "1 secret is" if compared == 1 else f"{compared} secrets are"
    run.out.line(f"{secrets} compared with the grants in the next minutes.")
    if "read" in counts:
        read, history = (f"{counts[word]} answer" + "s" * (counts[word] != 1) for word in ("read", "history"))
        run.out.line(f"{read} read again; {history} can change nothing any more: newer tokens, or an end, came since.")


def _exit_code(pieces: list[dict[str, Any]]) -> int:
    """Return 0 if nothing stays, else the code for what the rest needs: an operator, a seller, or another try."""
    stays = [piece for piece in pieces if piece["result"] == "stays"]
    for_good = [piece for piece in stays if not piece["later"]]
    if not for_good:
        return LATER if stays else 0
    invited = all(piece["next"].startswith("tokensync invite ") for piece in for_good)
    return NEEDS_SELLER if invited else FAILED
