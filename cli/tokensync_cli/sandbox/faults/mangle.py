"""Spoils the body of an response in the ways that broken servers and proxies do."""

import base64
import functools
import gzip
import json
import zlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from tokensync_cli.sandbox.faults.script import Fault
from tokensync_cli.sandbox.responses import ProviderResponse

_HTML = b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
# Marks the place in the JSON text where source is written that no encoder would write.
_HOLE = "\ue000{}\ue000"


def mangle(response: ProviderResponse, fault: Fault) -> Response:
    """Return the response as the fault wants it; fields are changed first, then the whole body."""
    # An empty response has no field to spoil: it becomes one that has.
    payload = json.loads(response.body() or b'{"data":{}}')
    for path in fault.drop:
        _place(payload, path, lambda holder, name: holder.pop(name, None))
    for path, value in fault.set.items():
        _place(payload, path, functools.partial(_put, value=value))
    for number, path in enumerate(fault.raw):
        _place(payload, path, functools.partial(_put, value=_HOLE.format(number)))
    if fault.how == "no_expiry":
        _forget_expiry(payload)
    text = json.dumps(payload, separators=(",", ":"), ensure_ascii=False)
    for number, source in enumerate(fault.raw.values()):
        text = text.replace(f'"{_HOLE.format(number)}"', source)
    headers = {"content-type": "application/json", **_HEADERS.get(fault.how or "", {}), **fault.headers}
    return Response(_whole(fault, text), fault.status or response.status, headers)


def _put(holder: dict[str, Any], name: str, value: Any) -> None:
    holder[name] = value


def _place(payload: dict[str, Any], path: str, change: Callable[[dict[str, Any], str], object]) -> None:
    """Apply `change` where a dotted path leads; a bare name not at the top is meant for the object of the tokens."""
    *way, name = path.split(".")
    holder = payload
    if not way and name not in payload and isinstance(payload.get("data"), dict):
        holder = payload["data"]
    for step in way:
        inner = holder.get(step)
        if not isinstance(inner, dict):
            inner = holder[step] = {}
        holder = inner
    change(holder, name)


def _forget_expiry(holder: dict[str, Any]) -> None:
    for name, value in tuple(holder.items()):
        if "expire" in name:
            del holder[name]
        elif isinstance(value, dict):
            _forget_expiry(value)


def _with(plain: bytes, value: bytes) -> bytes:
    """Return the JSON object with one more member, first, so that no parser is done before it."""
    return b'{"padding":' + value + b"," + plain[1:]


@functools.lru_cache(maxsize=2)
def _bomb(plain: bytes, size: int) -> bytes:
    """Return the response with `size` bytes of padding, packed about a thousandfold."""
    block = b"x" * (1024 * 1024)
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    parts = [packer.compress(plain[:-1] + b',"padding":"')]
    parts += [packer.compress(block) for _ in range(size // len(block))]
    parts += [packer.compress(b'"}'), packer.flush()]
    return b"".join(parts)


def _whole(fault: Fault, text: str) -> bytes:
    """Return the whole body as `how` wants it."""
    spoil = _SPOILERS.get(fault.how or "")
    plain = text.encode("utf-8", "surrogatepass")
    return spoil(plain, fault) if spoil else plain


_SPOILERS: dict[str, Callable[[bytes, Fault], bytes]] = {
    "empty": lambda _, __: b"",
    "html": lambda _, __: _HTML,
    "text": lambda _, fault: (fault.body or "").encode("utf-8", "surrogatepass"),
    "base64": lambda _, fault: base64.b64decode(fault.body or ""),
    "truncated": lambda plain, fault: plain[: len(plain) // 2 if fault.size is None else fault.size],
    "bom": lambda plain, _: b"\xef\xbb\xbf" + plain,
    "utf16": lambda plain, _: plain.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass"),
    # The first of each pair is the real one; most parsers keep the last.
    "duplicate_keys": lambda plain, _: plain[:-1] + b',"access_token":"twice","data":{"access_token":"twice"}}',
    "deep": lambda plain, fault: _with(plain, b"[" * (fault.size or 100_000) + b"]" * (fault.size or 100_000)),
    "big_number": lambda plain, fault: _with(plain, b"9" * (fault.size or 5_000_000)),
    "lone_surrogate": lambda plain, _: _with(plain, b'"\\ud800"'),
    "large": lambda plain, fault: _with(plain, b'"' + b"x" * (fault.size or 300 * 1024) + b'"'),
    "gzip_bomb": lambda plain, fault: _bomb(plain, fault.size or 100 * 1024 * 1024),
    "gzip": lambda plain, _: gzip.compress(plain),
    "deflate": lambda plain, _: zlib.compress(plain),
    "latin_1": lambda plain, _: _with(plain, '"Müller"'.encode("latin-1")),
    "equal_keys": lambda plain, _: plain[:-1] + b"," + plain[1:],
    # Of a flat response alone: a form holds no object.
    "form": lambda plain, _: urlencode(json.loads(plain)).encode("ascii"),
}
_HEADERS = {
    "html": {"content-type": "text/html"},
    "gzip_bomb": {"content-encoding": "gzip"},
    "gzip": {"content-encoding": "gzip"},
    "deflate": {"content-encoding": "deflate"},
    "form": {"content-type": "application/x-www-form-urlencoded"},
}
