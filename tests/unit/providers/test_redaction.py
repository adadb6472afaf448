"""Nothing of a provider's traffic prints a secret, and a provider's words repeat none."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from samples import CODE, GRANT, NOW, REDIRECT, REFRESH_TOKEN, STATE, VERIFIER, answer, issued, varied

from tokensync.domain.messages import Failure
from tokensync.domain.secret import Secret
from tokensync.domain.text import masked
from tokensync.oauth.callback import Query
from tokensync.oauth.token_request import (
    client_credentials_request,
    code_request,
    refresh_request,
    revocation_request,
)
from tokensync.oauth.token_response import read_account, read_revocation, read_token_response

if TYPE_CHECKING:
    from samples import Sample

SECRETS = [CODE, REFRESH_TOKEN, VERIFIER, GRANT.access_token, Secret("canary-secret&="), Secret("a canary &")]
FORMS = [
    form
    for secret in SECRETS
    for form in (secret.reveal(), quote(secret.reveal(), safe=""), quote_plus(secret.reveal()))
]


def printed(thing: object) -> str:
    """Return every text that a thing has of its own."""
    return f"{thing!r} {thing} {thing:}" if type(thing).__format__ is not object.__format__ else f"{thing!r} {thing}"


def test_no_request_prints_what_it_carries(sample: Sample) -> None:
    """A request prints as its method and address without query, headers or body, and is never pickled."""
    requests = [
        code_request(sample.provider, sample.app, CODE, redirect_uri=REDIRECT, verifier=VERIFIER),
        refresh_request(sample.provider, sample.app, REFRESH_TOKEN),
        client_credentials_request(sample.provider, sample.app),
        revocation_request(sample.provider, sample.app, GRANT),
    ]
    call = sample.provider.account_call
    if call is not None:
        requests.append(call.request(sample.app, sample.provider.endpoint(sample.app, call.endpoint), GRANT, NOW))
    for request in filter(None, requests):
        assert "canary" not in printed(request)
        assert VERIFIER.reveal() not in printed(request)
        with pytest.raises(TypeError):
            pickle.dumps(request)


def test_no_record_prints_its_tokens(sample: Sample) -> None:
    """An app, a grant, an answer and what was read from it print without tokens, codes or secrets."""
    tokens = {"access_token": "canary-access", "refresh_token": "canary-refresh&="}
    body = varied(sample, **tokens)
    query = Query.parse(f"state={STATE}&code={quote(CODE.reveal())}")

    for thing in (sample.app, GRANT, answer(body), issued(sample, body), query, sample.provider):
        assert "canary" not in printed(thing)


def echoing(text: str) -> dict[str, object]:
    """Return an error of every provider's shape that repeats a text wherever it has words."""
    return {
        "code": text,
        "message": text,
        "error": text,
        "error_description": text,
        "request_id": text,
        "log_id": text,
    }


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("status", [200, 400, 500])
def test_a_providers_words_are_masked(sample: Sample, form: str, status: int) -> None:
    """A secret that the provider repeats, plain or percent-encoded, is masked before anything is cut."""
    body = echoing("x" * 55 + form + "x" * 300)
    told: list[object] = [
        read_token_response(sample.provider, answer(body, status), secrets=SECRETS),
        read_revocation(sample.provider, answer(body, status), secrets=SECRETS),
    ]
    call = sample.provider.account_call
    if call is not None:
        told.append(read_account(sample.provider, call, answer(body, status), secrets=SECRETS))
        nested = {"error": echoing(form), "data": {}}
        told.append(read_account(sample.provider, call, answer(nested, status), secrets=SECRETS))

    assert isinstance(told[0], Failure)
    for failure in told:
        assert "canary" not in printed(failure)
        assert VERIFIER.reveal()[:20] not in printed(failure)


def test_words_that_are_not_masked_are_left_out() -> None:
    """Where nobody knows what was shown, a failure keeps its class and a plain code, and no words."""
    failure = Failure(kind="unknown", code="canary-Code", message="canary", trace_id="canary")  # type: ignore[arg-type]

    assert "canary" not in printed(failure.untold())


def test_an_empty_secret_masks_nothing() -> None:
    """Nor does a single letter: what is so short stands in any word, and is nobody's secret."""
    assert masked("a bob c", [Secret(""), Secret("c"), Secret("bob")]) == "a *** c"
