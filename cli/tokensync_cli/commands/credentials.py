"""Reads what an app authenticates with, from a file or from stdin, and never shows it."""

import sys
from pathlib import Path

from tokensync.domain.secret import Secret
from tokensync.domain.visible import Line
from tokensync_cli.output.failures import UsageFailed
from tokensync_cli.stack import registration


def private_key(file: str) -> Secret:
    """Return the private key in a file, `-` being stdin.

    Raises:
        UsageFailed: there is no such file, or it holds no text of a key's length.
    """
    again = Line("the same command with the path of a private key in PEM")
    try:
        text = sys.stdin.read(registration.LONGEST_KEY + 2) if file == "-" else Path(file).read_text(encoding="ascii")
    except (OSError, UnicodeError) as error:
        # from None: a decoding error keeps the whole text, which is a secret.
        raise UsageFailed(f"--private-key-file cannot be read ({type(error).__name__}).", next_command=again) from None
    if not 0 < len(text.strip()) <= registration.LONGEST_KEY:
        raise UsageFailed(f"A private key has 1 to {registration.LONGEST_KEY} characters.", next_command=again)
    return Secret(text.strip())
