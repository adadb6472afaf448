from __future__ import annotations

import copy
import json
import logging
import pickle
import pprint
import traceback
from typing import TYPE_CHECKING

import pytest

from tokensync.domain.messages import ProviderResponse, Request
from tokensync.domain.secret import NeverPickled, Secret
from tokensync.oauth.callback import Query

if TYPE_CHECKING:
    from tokensync.domain.app import App
    from tokensync.domain.grant import Grant

CANARY = "canary-7f3a"


@pytest.fixture(params=["secret", "request", "query", "answer", "grant", "app"])
def carrier(request: pytest.FixtureRequest, grant: Grant, app: App) -> object:
    """Return something that carries the canary, or tokens that hold its first half."""
    carriers: dict[str, object] = {
        "secret": Secret(CANARY),
        "request": Request(
            method="GET",
            url=f"https://user:{CANARY}@provider.example/token?app_secret={CANARY}#{CANARY}",
            headers={"authorization": CANARY},
            body=CANARY.encode(),
        ),
        "query": Query.parse(f"code={CANARY}&state={CANARY}"),
        "answer": ProviderResponse(
            status=200,
            headers={"location": f"https://provider.example/?app_secret={CANARY}"},
            body=CANARY.encode(),
            received_at=1,
        ),
        "grant": grant,
        "app": app,
    }
    return carriers[request.param]


@pytest.mark.parametrize(
    "shown",
    [
        repr,
        str,
        "{}".format,
        "{!r:>40}".format,
        "%s".__mod__,
        ascii,
        pprint.pformat,
        lambda carrier: repr([carrier]),
        lambda carrier: repr({"key": carrier}),
        lambda carrier: repr(ValueError(carrier)),
        lambda carrier: "".join(traceback.format_exception_only(ValueError(carrier))),
    ],
)
def test_nothing_that_carries_a_secret_prints_it(carrier: object, shown: object) -> None:
    """No way of printing shows a secret, alone or inside a container or an exception."""
    assert callable(shown)
    assert "canary" not in shown(carrier)


@pytest.mark.parametrize("spec", ["", "s", ">20", "^30"])
def test_a_format_applies_to_the_mask(spec: str) -> None:
    """A format specification pads the mask and not the secret."""
    assert format(Secret(CANARY), spec) == format("***", spec)


def test_nothing_that_carries_a_secret_logs_it(carrier: object, caplog: pytest.LogCaptureFixture) -> None:
    """A secret that is passed to a logger leaves no trace of itself."""
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").debug("carried %s %r", carrier, carrier)

    assert "canary" not in caplog.text


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_nothing_that_carries_a_secret_is_pickled(carrier: object, protocol: int) -> None:
    """Pickling is refused by every protocol."""
    with pytest.raises(TypeError, match="is never pickled"):
        pickle.dumps(carrier, protocol)


def test_nothing_that_carries_a_secret_is_json(carrier: object) -> None:
    """JSON knows none of these types, so none gets there by accident."""
    with pytest.raises(TypeError):
        json.dumps(carrier)


def test_a_secret_is_not_copied_deeply() -> None:
    """A deep copy, as dataclasses.asdict makes it, is refused; no dump finds attributes to print."""
    with pytest.raises(TypeError, match="a Secret is never pickled"):
        copy.deepcopy(Secret(CANARY))
    assert not hasattr(Secret(CANARY), "__dict__")
    assert not hasattr(NeverPickled(), "__dict__")


@pytest.mark.parametrize("text", ["a", "", "ä", "\ud800", "a" * 100_000])
def test_secrets_are_equal_by_their_text(text: str) -> None:
    """Two secrets of the same text are equal and hash alike; none equals its text; only an empty one is false."""
    assert (Secret(text), hash(Secret(text))) == (Secret(text), hash(Secret(text)))
    assert Secret(text) != Secret(text + "x")
    assert Secret(text) != text
    assert hash(Secret(text)) != hash(text)
    assert (text, bool(text)) == (Secret(text).reveal(), bool(Secret(text)))


def test_a_request_prints_as_its_address() -> None:
    """A request shows method, host and path, for debugging."""
    request = Request(method="GET", url="https://provider.example:8443/api/token?app_secret=x")

    assert repr(request) == "Request(GET provider.example/api/token)"
