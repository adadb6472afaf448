"""`recover`: brings back what was kept out of its place."""

import shlex
from typing import Annotated, Any

import typer

from tokensync.entry.exit_codes import FAILED, LATER, NEEDS_SELLER
from tokensync_cli.commands.describe import found
from tokensync_cli.commands.run import Run
from tokensync_cli.stack.invoke import ask_rotation

Name = Annotated[str | None, typer.Argument(metavar="CONNECTION", help="Of this connection alone.", show_default=False)]
_COLUMNS = ("WHAT", "OF", "RESULT", "WHY", "NEXT")


def recover(run: Run, name: Name = None) -> None:
    """Bring back what was kept out of its place: dead letters, answers, authorizations given up, stale secrets.

    No refresh token is presented for it. It may be repeated, and stopped anywhere.
    """
    target = run.target()
    asked: dict[str, Any] = {"tokensync": "recover"}
    if name is not None:
        asked["connection"] = str(found(target, name).name)
    pieces: list[dict[str, Any]] = []
    compared = 0
    with run.out.progress(f"Recovering {name or 'everything'}") as say:
        while True:
            answer = ask_rotation(target, asked)
            pieces += answer["found"]
            compared += answer["compared"]
            if not answer["more"]:
                break
            asked["cursor"] = answer["cursor"]
            say(f"Recovering: {len(pieces)} found, {compared} secrets to compare, at {answer['cursor'] or 'the start'}")
    if run.out.as_json:
        run.out.json({"found": pieces, "compared": compared})
    else:
        _print(run, pieces, compared)
    code = _exit_code(pieces)
    if code:
        raise typer.Exit(code)


def _print(run: Run, pieces: list[dict[str, Any]], compared: int) -> None:
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
    secrets = "1 secret is" if compared == 1 else f"{compared} secrets are"
    run.out.line(f"{secrets} compared with the grants in the next minutes.")


def _exit_code(pieces: list[dict[str, Any]]) -> int:
    """Return 0 if nothing stays, else the code for what the rest needs: an operator, a seller, or another try."""
    stays = [piece for piece in pieces if piece["result"] == "stays"]
    for_good = [piece for piece in stays if not piece["later"]]
    if not for_good:
        return LATER if stays else 0
    invited = all(shlex.split(piece["next"])[:2] == ["tokensync", "invite"] for piece in for_good)
    return NEEDS_SELLER if invited else FAILED
