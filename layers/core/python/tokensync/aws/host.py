"""What differs between the cloud and the embedded stack: addresses, failpoints and the clock.

Only the layer of the embedded stack contains `tokensync_host`, so nothing can switch any of it on in the cloud.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tokensync.aws.system import SystemClock
from tokensync.oauth.addresses import AddressPolicy, PublicOnly

if TYPE_CHECKING:
    from tokensync.domain.runtime import Failpoints


class NoFailpoints:
    """See `tokensync.domain.runtime.Failpoints`: nothing ever happens."""

    def reached(self, name: str) -> None:
        """Do nothing."""


def host_runtime() -> tuple[AddressPolicy, Failpoints, SystemClock]:
    """Return which addresses may be reached, the failpoints, and the machine's clock."""
    if find_spec("tokensync_host") is None:
        return PublicOnly(), NoFailpoints(), SystemClock()
    host = import_module("tokensync_host")
    policy: AddressPolicy = host.PublicAndLoopback()
    failpoints: Failpoints = host.FileFailpoints()
    clock: SystemClock = host.ShiftedClock()
    return policy, failpoints, clock
