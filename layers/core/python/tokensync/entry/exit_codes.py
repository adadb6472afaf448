"""The exit codes of the command line. Scripts depend on them, and the functions answer with them."""

from typing import Final

FAILED: Final = 1
USAGE: Final = 2
NOT_FOUND: Final = 3
NEEDS_SELLER: Final = 4
LATER: Final = 5
INTERRUPTED: Final = 130  # 128 and SIGINT's number, as shells have it
