"""What every provider's callback may bring: a code, a denial, or something that is neither."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from samples import CODE

from tokensync.domain.errors import BadRequest
from tokensync.oauth.callback import Query

if TYPE_CHECKING:
    from samples import Sample


def test_each_name_of_the_code_is_read(sample: Sample) -> None:
    """The code is found under each name that the provider uses, the preferred first, decoded exactly once."""
    names = sample.provider.callback.code
    for name in names:
        assert Query.parse(f"state=s&{name}={quote(CODE.reveal())}").code(sample.provider, sample.app) == CODE
    everything = "&".join(f"{name}={number}" for number, name in enumerate(reversed(names)))
    found = Query.parse(everything).code(sample.provider, sample.app)

    assert found is not None
    assert found.reveal() == str(len(names) - 1)


@pytest.mark.parametrize(
    "raw", ["error=access_denied", "code=", "error=x&error_description=y", "error=x&code=", "state=s"]
)
def test_a_denial_is_no_code(sample: Sample, raw: str) -> None:
    """A callback with an error, or with nothing that could be a code, is a denial."""
    assert Query.parse(raw).code(sample.provider, sample.app) is None


def test_null_is_no_code_where_a_provider_writes_it(sample: Sample) -> None:
    """TikTok Shop writes `null` for no code; for everybody else it is a code like any other."""
    found = Query.parse("code=null").code(sample.provider, sample.app)

    assert (found is None) == (sample.provider.name == "tiktok_shop")


@pytest.mark.parametrize("raw", ["{}=a&error=access_denied", "{}=a&error="])
def test_a_code_beside_an_error_is_refused(sample: Sample, raw: str) -> None:
    """Yes and no at once is no answer to act upon."""
    with pytest.raises(BadRequest):
        Query.parse(raw.format(sample.provider.callback.code[0])).code(sample.provider, sample.app)


@pytest.mark.parametrize("code", ["a" * 4097, "%C3%BC", "%E2%80%AE"])
def test_what_no_server_gives_is_refused(sample: Sample, code: str) -> None:
    """RFC 6749 §A.11: a code is visible ASCII of bounded length."""
    with pytest.raises(BadRequest):
        Query.parse(f"code={code}").code(sample.provider, sample.app)


def test_a_code_for_another_client_is_refused(sample: Sample) -> None:
    """Where the callback names its client, it is this app's; elsewhere such a parameter is unknown and ignored."""
    name = sample.provider.callback.client_id
    if name is None:
        assert Query.parse("code=a&app_key=other").code(sample.provider, sample.app) is not None
        return
    assert Query.parse(f"code=a&{name}=client-1").code(sample.provider, sample.app) is not None
    with pytest.raises(BadRequest, match="another client"):
        Query.parse(f"code=a&{name}=other").code(sample.provider, sample.app)


def test_an_issuer_is_compared_where_one_is_known(sample: Sample) -> None:
    """RFC 9207: `iss` is compared where the app's issuer is known, and is an unknown parameter elsewhere."""
    assert sample.provider.callback.issuer == ""
    assert Query.parse("code=a&iss=https%3A%2F%2Fid.example").code(sample.provider, sample.app) is not None
