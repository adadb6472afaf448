import pytest

from tokensync_cli.sandbox.tiktok_shop.signature import is_signed, sign

PATH = "/authorization/202309/shops"
QUERY = [("app_key", "29a39d"), ("timestamp", "1623812664")]
VECTOR = "b596b73e0cc6de07ac26f036364178ab16b0a907af13d43f0a0cd2345f582dc8"


def test_vendors_vector() -> None:
    """The vendor's own example gives the vendor's own signature."""
    assert sign("e59af819cc", PATH, QUERY) == VECTOR


@pytest.mark.parametrize("extra", [("sign", "x"), ("access_token", "y")])
def test_sign_and_access_token_are_not_signed(extra: tuple[str, str]) -> None:
    """The two parameters that the vendor leaves out change nothing; the order of the others does not either."""
    assert sign("e59af819cc", PATH, [*reversed(QUERY), extra]) == VECTOR


def test_everything_else_is_signed() -> None:
    """Another secret, path, value, name or body is another signature."""
    others = [
        sign("x", PATH, QUERY),
        sign("e59af819cc", PATH + "/", QUERY),
        sign("e59af819cc", PATH, [*QUERY, ("page", "")]),
        sign("e59af819cc", PATH, QUERY, b"{}"),
    ]
    assert len({VECTOR, *others}) == 5


def test_comparison_takes_anything() -> None:
    """A sign that is empty, not ASCII or in capitals is only wrong."""
    assert is_signed(VECTOR, "e59af819cc", PATH, QUERY)
    for sent in ("", "ä", VECTOR.upper()):
        assert not is_signed(sent, "e59af819cc", PATH, QUERY)
