"""Reads JSON values into frozen dataclasses, naming the field that does not fit."""

import contextlib
import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union

T = TypeVar("T")


class BadRecordError(ValueError):
    """A JSON value does not have the shape of the record it was meant for; the text names the field."""


def read(record: type[T], value: object, *, where: str = "") -> T:
    """Return `value`, parsed JSON, as an instance of the dataclass `record`.

    Raises:
        BadRecordError: a field is unknown, missing or of the wrong type.
    """
    if not isinstance(value, Mapping):
        raise BadRecordError(f"{where or 'the body'} must be a JSON object")
    hints = typing.get_type_hints(record)
    fields = {f.name: f for f in dataclasses.fields(record) if f.init}  # type: ignore[arg-type] # T is a dataclass
    unknown = sorted(set(value) - set(fields))
    if unknown:
        raise BadRecordError(f"unknown field {_path(where, unknown[0])}; known: {', '.join(fields)}")
    for name, f in fields.items():
        required = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if required and name not in value:
            raise BadRecordError(f"{_path(where, name)} is missing")
    return record(**{name: _fit(hints[name], item, _path(where, name)) for name, item in value.items()})


def to_json(record: object) -> dict[str, Any]:
    """Return a dataclass as a JSON object; the opposite of `read`."""
    return dataclasses.asdict(record)  # type: ignore[call-overload,no-any-return] # every caller passes a dataclass


def json_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object that a request's body holds, an empty one where it holds none."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def text_of(value: Mapping[str, Any], name: str) -> str:
    """Return a member of a JSON object that is a string, empty if it is none."""
    member = value.get(name)
    return member if isinstance(member, str) else ""


def _path(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _fit(hint: Any, value: Any, where: str) -> Any:
    """Return `value` if it has the type that `hint` names; lists become tuples and objects records."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any or (value is None and type(None) in args):
        return value
    if origin in (Union, types.UnionType):
        return _either([a for a in args if a is not type(None)], value, where)
    if origin is Literal:
        _require(value in args, where, f"one of {', '.join(map(str, args))}")
        return value
    if origin is tuple:
        _require(isinstance(value, list | tuple), where, "a list")
        return tuple(_fit(args[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    return _object(hint, value, where)


def _either(hints: list[Any], value: Any, where: str) -> Any:
    """Return `value` as the first of the types that it has; the last one says what is wrong."""
    for hint in hints[:-1]:
        with contextlib.suppress(BadRecordError):
            return _fit(hint, value, where)
    return _fit(hints[-1], value, where)


def _object(hint: Any, value: Any, where: str) -> Any:
    if typing.get_origin(hint) is dict:
        _require(isinstance(value, Mapping), where, "a JSON object")
        inner = typing.get_args(hint)[1]
        return {key: _fit(inner, item, _path(where, key)) for key, item in value.items()}
    if dataclasses.is_dataclass(hint):
        kind = typing.cast("type", hint)
        return value if isinstance(value, kind) else read(kind, value, where=where)
    if hint is float and type(value) is int:
        return float(value)
    # bool is an int to Python and is none to JSON.
    _require(type(value) is hint, where, _NAMES[hint])
    return value


def _require(fits: bool, where: str, meant: str) -> None:
    if not fits:
        raise BadRecordError(f"{where} must be {meant}")


_NAMES = {str: "a string", int: "an integer", float: "a number", bool: "true or false"}
