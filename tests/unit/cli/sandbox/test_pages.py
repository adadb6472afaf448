import pytest

from tokensync_cli.sandbox.pages import duration, message


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (31_536_000, "1 year"),
        (7_776_000, "90 days"),
        (3_600, "1 hour"),
        (120, "2 minutes"),
        (45, "45 seconds"),
        (90, "90 seconds"),
        (0, "0 seconds"),
    ],
)
def test_durations_read_naturally(seconds: int, words: str) -> None:
    """A duration is told in the largest unit that divides it."""
    assert duration(seconds) == words


def test_pages_escape_and_forbid() -> None:
    """Text is escaped, and the policy allows neither script nor foreign parts."""
    answer = message("<script>alert(1)</script>", "x & y", status=404)
    text = bytes(answer.body).decode()
    assert "<script>" not in text
    assert "x &amp; y" in text
    assert answer.status_code == 404
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert answer.headers["referrer-policy"] == "no-referrer"
