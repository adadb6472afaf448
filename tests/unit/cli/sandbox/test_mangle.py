import base64
import gzip
import json
import zlib
from typing import Any

import pytest
from starlette.responses import Response

from tokensync_cli.sandbox.faults.mangle import mangle
from tokensync_cli.sandbox.faults.script import Fault
from tokensync_cli.sandbox.responses import ProviderResponse

PAYLOAD: dict[str, Any] = {"code": 0, "data": {"access_token": "t", "access_token_expire_in": 5, "refresh_token": "r"}}


def spoiled(**options: Any) -> Response:
    fault = Fault(provider="p", endpoint="token", fault="mangle", **options)
    return mangle(ProviderResponse(payload=PAYLOAD), fault)


def body(**options: Any) -> bytes:
    return bytes(spoiled(**options).body)


@pytest.mark.parametrize("source", ["1e400", "NaN", "3600.0", "-1", '"3600"', "true", "1000000000000"])
def test_writes_raw_json_source(source: str) -> None:
    """A raw field is in the answer exactly as it was given."""
    assert f'"access_token_expire_in":{source},'.encode() in body(raw={"access_token_expire_in": source})


def test_whole_bodies() -> None:
    """Each way to spoil a whole body gives what its name says."""
    plain = json.dumps(PAYLOAD, separators=(",", ":")).encode()
    assert body(how="fields") == plain
    assert body(how="empty") == b""
    assert body(how="text", body="{") == b"{"
    assert body(how="base64", body=base64.b64encode(b"\xff\x00").decode()) == b"\xff\x00"
    assert body(how="truncated") == plain[: len(plain) // 2]
    assert body(how="truncated", size=3) == plain[:3]
    assert json.loads(body(how="utf16").decode("utf-16")) == PAYLOAD
    assert body(how="duplicate_keys").count(b'"data"') == 2
    assert body(how="deep", size=3).startswith(b'{"padding":[[[]]],')
    assert body(how="big_number", size=4).startswith(b'{"padding":9999,')
    assert b'"\\ud800"' in body(how="lone_surrogate")
    assert len(body(how="large")) > 300 * 1024
    assert gzip.decompress(body(how="gzip")) == zlib.decompress(body(how="deflate")) == plain
    assert b'"M\xfcller"' in body(how="latin_1")
    assert body(how="equal_keys").count(b'"access_token"') == 2
    assert b"code=0&" in body(how="form")


def test_gzip_bomb_unpacks_to_the_answer_and_its_padding() -> None:
    """A bomb is small on the wire, large when unpacked, and holds the pair."""
    response = spoiled(how="gzip_bomb", size=2 * 1024 * 1024)
    assert response.headers["content-encoding"] == "gzip"
    assert len(bytes(response.body)) < 20_000
    unpacked = gzip.decompress(bytes(response.body))
    assert len(unpacked) > 2 * 1024 * 1024
    assert json.loads(unpacked)["data"] == PAYLOAD["data"]


def test_fields_are_set_and_dropped_where_the_tokens_lie() -> None:
    """A bare name means a token field, a name at the top itself, a dotted path itself; the body is spoiled after."""
    got = json.loads(body(set={"access_token": None, "code": 7, "data.new.x": 1}))
    assert (got["data"]["access_token"], got["code"], got["data"]["new"]) == (None, 7, {"x": 1})
    assert PAYLOAD["data"]["access_token"] == "t"
    dropped = json.loads(body(drop=("refresh_token", "data.nothing")))["data"]
    assert dropped == {"access_token": "t", "access_token_expire_in": 5}
    assert json.loads(body(how="no_expiry"))["data"] == {"access_token": "t", "refresh_token": "r"}
    assert body(how="bom", set={"code": 9}).startswith(b'\xef\xbb\xbf{"code":9')


def test_types_statuses_and_headers() -> None:
    """HTML carries its own type, in a 200; a mangled answer takes the fault's status and headers."""
    html, other = spoiled(how="html"), spoiled(how="fields", status=201, headers={"x-a": "b"})
    assert (html.status_code, html.headers["content-type"]) == (200, "text/html")
    assert bytes(html.body).startswith(b"<!DOCTYPE html>")
    assert (other.status_code, other.headers["x-a"]) == (201, "b")
