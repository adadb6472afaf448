from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from tokensync.domain.bound import Bound
from tokensync.domain.grant import Grant
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from typing import Any

WORDS = st.text(max_size=30)
TIMES = st.none() | st.integers(0, 2**40)


def test_a_grant_reads_back_the_same(grant: Grant) -> None:
    """What is sealed is all there is; a grant without refresh token and expiries keeps being without them."""
    endless = replace(grant, refresh_token=None, access_expires_at=None, refresh_expires_at=None, scopes=(), account={})
    told = replace(grant, brought={"workspace": "acme"})
    bound = replace(
        grant,
        bound=Bound(
            provider="oauth2",
            rule="r",
            token=("https://a.example",),
            api=("b", "c"),
            reading=(("response.refresh_token", "rt"),),
        ),
    )
    grants = (grant, endless, told, bound)

    assert [*grants] == [Grant.from_bytes(one.to_bytes()) for one in grants]
    assert b"brought" not in grant.to_bytes()
    assert b"bound" not in grant.to_bytes()


@settings(max_examples=50, deadline=None)
@given(WORDS, WORDS, st.lists(WORDS), st.dictionaries(WORDS, WORDS), TIMES)
def test_any_grant_reads_back_the_same(
    account_id: str, token: str, scopes: list[str], account: dict[str, Any], expires_at: int | None
) -> None:
    """Whatever characters a provider uses, lone surrogates included, a grant survives its storage."""
    grant = Grant(
        account_id=account_id,
        label=f"{account_id}\ud800",
        access_token=Secret(f"{token}\udfff"),
        refresh_token=Secret(token),
        token_type="Bearer",
        scopes=tuple(scopes),
        obtained_at=1,
        access_expires_at=expires_at,
        refresh_expires_at=expires_at,
        account=account,
    )

    assert Grant.from_bytes(grant.to_bytes()) == grant
