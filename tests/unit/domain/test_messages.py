from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokensync.domain.messages import ProviderResponse


@settings(max_examples=50, deadline=None)
@given(
    st.integers(100, 599),
    st.dictionaries(st.sampled_from(["date", "retry-after"]), st.text(st.characters(max_codepoint=255))),
    st.binary(max_size=300),
    st.booleans(),
)
def test_an_answer_reads_back_the_same(status: int, headers: dict[str, str], body: bytes, complete: object) -> None:
    """The raw answer that is sealed is the raw answer that a later worker reads, byte by byte."""
    answer = ProviderResponse(status=status, headers=headers, body=body, received_at=9, complete=bool(complete))

    assert ProviderResponse.from_bytes(answer.to_bytes()) == answer


def test_an_answer_shows_neither_headers_nor_body() -> None:
    """Only status and time show: a body holds tokens, and a Location may repeat the query that it answers."""
    answer = ProviderResponse(
        status=307, headers={"location": "https://a.example/?app_secret=canary"}, body=b"x", received_at=9
    )

    assert repr(answer) == "ProviderResponse(status=307, received_at=9, complete=True)"


def test_an_answer_needs_names_for_its_fields() -> None:
    """No field is given by position, so that none is mistaken for another."""
    with pytest.raises(TypeError):
        ProviderResponse(200, {}, b"", 9)  # type: ignore[misc]
