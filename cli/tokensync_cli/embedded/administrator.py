"""The administrator of the embedded AWS: an access key made for each stack, known to its developer alone."""

import base64
import secrets
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokensync_cli.embedded.state import StateDirectory

FILE = "administrator.json"

# No access key id of AWS's begins like this: nobody takes it for a live one, or uses it as such.
_PREFIX = "TOKENSYNC"
_RANDOM_BYTES, _ID_LENGTH, _SECRET_BYTES = 7, 20, 30


@dataclass(frozen=True)
class Administrator:
    """An access key of the embedded AWS's root."""

    access_key_id: str
    secret_access_key: str = field(repr=False)

    @classmethod
    def made(cls) -> "Administrator":
        """A new one."""
        random = base64.b32encode(secrets.token_bytes(_RANDOM_BYTES)).decode("ascii")
        return cls(f"{_PREFIX}{random}"[:_ID_LENGTH], secrets.token_urlsafe(_SECRET_BYTES))


def remembered(state: "StateDirectory") -> Administrator | None:
    """The administrator of the stack whose state this is, None where none was made yet."""
    found = state.read(FILE)
    return None if found is None else Administrator(**found)


def remember(state: "StateDirectory", administrator: Administrator) -> None:
    """Keep the administrator for as long as the state, in a file that its owner alone can read."""
    state.write(FILE, asdict(administrator))
