import re

from tokensync_cli.sandbox.mint import Mint, digest


def test_credentials_carry_prefix_and_marker_and_differ() -> None:
    """A credential begins as told and is never given twice."""
    mint = Mint()
    made = {mint.credential("ROW_", "canary") for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"ROW_canary[A-Za-z0-9_-]{64}", credential) for credential in made)


def test_numbers_do_not_fit_a_double() -> None:
    """Ids are 19 digits in a string, beyond 2^53."""
    assert all(int(Mint().number()) > 2**53 for _ in range(10))


def test_trace_has_the_shape_of_the_vendors_sample() -> None:
    """A request id is the UTC time and 20 characters, as in 2022080809462301024509910319695C45."""
    assert re.fullmatch(r"20220808094623[0-9A-Z]{20}", Mint().trace(1_659_951_983))


def test_digest_takes_what_a_url_can_carry() -> None:
    """A lone surrogate, which percent-decoding may leave, has a digest too."""
    assert digest("null") == "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b"
    assert len(digest("\ud800")) == 64
