"""Counts how many servers of a public table can be described by settings of `oauth2` alone, and says what cannot.

    .venv/bin/python tests/bench/declarable.py PATH [--each]

PATH is a YAML table in the shape of the file providers.yaml of NangoHQ/nango; nothing of it is part of
this project. Each of its OAuth 2.0 providers is translated into the words of `app add`, and registered by the very
check that `app add` makes. Its consent page, exchange and refresh are then built and compared with what the table asks
for: a provider counts only where all of it arrives. Nothing is sent anywhere.

The table leaves some hosts open that a registration has to fix. `by example`: the pattern was taken from the table's
own example. `own server`: a server that its owner runs, whose client id is of that server too: an app for each.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import yaml

from tokensync.domain.errors import TokensyncError
from tokensync.domain.runtime import Moment
from tokensync.domain.secret import Secret
from tokensync.oauth.app_check import check_credentials
from tokensync.oauth.callback import Query
from tokensync.oauth.patterns import NotAPattern, pattern
from tokensync.oauth.token_request import authorize_url, code_request, refresh_request
from tokensync.providers import PROVIDERS
from tokensync_cli.output.failures import CommandFailed
from tokensync_cli.stack.registration import Wanted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tokensync.domain.app import App
    from tokensync.domain.messages import Request
    from tokensync.oauth.provider import Provider

REDIRECT, STATE, CODE, REFRESH, VERIFIER = "https://connect.example/callback/a", "s.t", "code-1", "refresh-1", "v" * 43
CLIENT_ID, SECRET, MOMENT = "client-1", "secret-1", Moment(1_780_000_000, "unique-1")
# What the table says of its own product: how it is shown, called, configured and told, and what it does afterwards.
NOT_OAUTH = frozenset({
    "auth_mode", "categories", "connection_config", "connection_configuration", "display_name", "docs", "docs_connect",
    "post_connection_script", "pre_connection_deletion_script", "proxy", "setup_guide_url",
    "webhook_allowed_query_params", "webhook_routing_script", "webhook_user_defined_secret",
})  # fmt: skip
TRANSLATED = frozenset({
    "alternate_access_token_response_path", "auth", "authorization_code_param_in_callback", "authorization_method",
    "authorization_params", "authorization_url", "authorization_url_fragment", "authorization_url_replacements",
    "authorization_url_skip_empty", "authorization_url_skip_encode", "body_format", "decode_url", "default_scopes",
    "disable_pkce", "redirect_uri_metadata", "refresh_params", "refresh_token_params",
    "refresh_token_response_metadata", "refresh_url", "scope_separator", "token_expiration_buffer", "token_params",
    "token_request_auth_method",
    "token_response_metadata", "token_url",
})  # fmt: skip
SEPARATORS = {" ": "space", ",": "comma", "+": "plus", ";": "semicolon"}
PLACE = re.compile(r"\$\{(?:connectionConfig\.)?([^}]+)\}")
ANY_PART = "[A-Za-z0-9_-]+"
# A value for each pattern, to build a request with: the first that fits.
SAMPLES = ("acme", "com", "1234", "a1b2c3d4-e5f6-47a8-9b0c-d1234567890f", "us6", "eu", "acme.example.com", "/x")


class Unsayable(Exception):
    """Something of a provider has no setting; the text says what."""


@dataclass
class Description:
    """A provider in the words of `app add`, with what the requests that follow from it must hold."""

    endpoints: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    scopes: list[str] = field(default_factory=list)
    params: dict[str, str] = field(default_factory=dict)  # a value for each parameter of an account
    notes: set[str] = field(default_factory=set)


def providers(path: Path) -> dict[str, dict[str, Any]]:
    """Return the table's OAuth 2.0 providers, each alias with what it stands for."""
    table = yaml.safe_load(path.read_text(encoding="utf-8"))
    whole = {name: _resolved(table, name) for name in table}
    return {name: entry for name, entry in whole.items() if entry.get("auth_mode") == "OAUTH2"}


def _resolved(table: Mapping[str, Any], name: str) -> dict[str, Any]:
    entry = dict(table[name])
    while "alias" in entry:
        entry = {**table[entry.pop("alias")], **entry}
    return entry


def described(entry: Mapping[str, Any]) -> Description:
    """Return a provider in the words of `app add`.

    Raises:
        Unsayable: something of it has no words.
    """
    unknown = sorted(entry.keys() - NOT_OAUTH - TRANSLATED)
    if unknown:
        raise Unsayable(f"{unknown[0]}: nothing here says that")
    if "authorization_url" not in entry:
        raise Unsayable("authorization_url: it has no consent page")
    made = Description()
    _endpoints(entry, made)
    _link(entry, made)
    _token_requests(entry, made)
    _responses(entry, made)
    return made


def _endpoints(entry: Mapping[str, Any], made: Description) -> None:
    for key, name in (("authorize", "authorization_url"), ("token", "token_url"), ("refresh", "refresh_url")):
        if name in entry:
            made.endpoints[key] = _url(str(entry[name]), key, entry, made)


def _url(text: str, key: str, entry: Mapping[str, Any], made: Description) -> str:
    first, *others = (part.strip() for part in text.split("||"))
    if not others:
        return _filled(first, entry, made, in_host=True)
    # The first is for accounts that name a host, the last for all others.
    last = others[-1]
    if PLACE.search(last) and last.startswith("${"):
        made.notes.add("the callback names the host")
        return _filled(last, entry, made, in_host=True)
    ours, theirs = urlsplit(_masked(first)), urlsplit(_masked(last))
    if ours.path != theirs.path:
        raise Unsayable(f"{key}: two URLs with different paths")
    hosts = "|".join(_host_pattern(part, entry, made) for part in (urlsplit(last).netloc, urlsplit(first).netloc))
    name = f"{key}_host"
    made.settings[f"param.{name}"] = hosts
    if PLACE.search(urlsplit(last).netloc):
        made.params[name] = _example(hosts, {})
    else:
        made.settings |= {f"param_source.{name}": "app,invite", f"value.{name}": urlsplit(last).netloc}
    return f"https://{{{name}}}{theirs.path}"


def _masked(url: str) -> str:
    return PLACE.sub("x", url)


def _host_pattern(host: str, entry: Mapping[str, Any], made: Description) -> str:
    parts = PLACE.split(host)
    texts = [re.escape(part).replace(r"\-", "-") if index % 2 == 0 else "" for index, part in enumerate(parts)]
    for index in range(1, len(parts), 2):
        texts[index] = f"({_pattern(parts[index], entry, made, is_whole_host=PLACE.fullmatch(host) is not None)})"
    return "".join(texts)


def _filled(text: str, entry: Mapping[str, Any], made: Description, *, in_host: bool = False) -> str:
    """Return a text with each place of the table as a parameter of ours, which is declared."""

    def place(match: re.Match[str]) -> str:
        if match[1] == "random":
            return "{random}"
        if match[1] == "client_id":
            return CLIENT_ID  # the app's own, which its registration knows
        name = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", match[1]).lower()).strip("_")
        _declare(name, match[1], text if in_host else "", entry, made)
        return f"{{{name}}}"

    return PLACE.sub(place, text)


def _declare(name: str, theirs: str, url: str, entry: Mapping[str, Any], made: Description) -> None:
    config: Mapping[str, Any] = (entry.get("connection_config") or {}).get(theirs) or {}
    if config.get("secret"):
        raise Unsayable(f"{theirs}: a secret of the account in the link")
    place = f"${{connectionConfig.{theirs}}}"
    is_whole_host = bool(url) and urlsplit(url).netloc == place
    if url and urlsplit(url).netloc.endswith(place) and not is_whole_host:
        made.settings[f"param.{name}"] = _ending(config, made)
        made.params[name] = _example(made.settings[f"param.{name}"], config)
        return
    if url.startswith(place):
        found = _base_pattern(entry)
    else:
        found = _pattern(theirs, entry, made, is_whole_host=is_whole_host)
    made.settings[f"param.{name}"] = found
    source, value = _source(theirs, config, entry)
    if source:
        made.settings[f"param_source.{name}"] = source
    if value:
        made.settings[f"value.{name}"] = value
    made.params[name] = _example(found, config)


def _source(theirs: str, config: Mapping[str, Any], entry: Mapping[str, Any]) -> tuple[str, str]:
    """Return where a parameter comes from, and its value where that is the same for all."""
    if theirs in (entry.get("redirect_uri_metadata") or ()):
        # Where the link needs it already, the invite names it, and the callback has to agree.
        is_first = f"${{connectionConfig.{theirs}}}" in str(entry["authorization_url"])
        return f"{'invite,' if is_first else ''}callback.{theirs}", ""
    if theirs in (entry.get("token_response_metadata") or ()):
        return f"token.{theirs}", ""
    if config.get("default_value"):
        return "app,invite", str(config["default_value"])
    if config.get("automated"):
        return "app", "acme"  # of the app's own registration, whatever it is
    return "", ""


def _base_pattern(entry: Mapping[str, Any]) -> str:
    """Return the pattern of a whole base that the callback names: the hosts of the other alternatives."""
    url = str(entry["token_url"]).split("||")[0].strip()
    host = urlsplit(url).netloc
    parts = PLACE.split(host)
    config = (entry.get("connection_config") or {}).get(parts[1]) or {}
    choices = "|".join(re.escape(each) for each in config.get("enum", ()))
    if not choices:
        raise Unsayable("a base that the callback names, and nothing says which hosts it may have")
    return f"https://{re.escape(parts[0])}({choices}){re.escape(parts[2])}".replace(r"\-", "-")


def _pattern(theirs: str, entry: Mapping[str, Any], made: Description, *, is_whole_host: bool) -> str:
    config: Mapping[str, Any] = (entry.get("connection_config") or {}).get(theirs) or {}
    if "enum" in config:
        return "|".join(re.escape(str(each)).replace(r"\-", "-") for each in config["enum"])
    if config.get("format") == "uuid":
        return "[0-9a-fA-F-]{36}"
    own = str(config.get("pattern", "")).removeprefix("^").removesuffix("$")
    if own and _is_fixed(own, is_whole_host=is_whole_host):
        return own
    if not is_whole_host:
        return own if own and _is_pattern(own) else ANY_PART
    example = str(config.get("example", "")).removeprefix("https://").partition("/")[0]
    if ":" in example:
        raise Unsayable(f"{theirs}: a port of the account's own")
    labels = example.split(".")
    if len(labels) > 2 and labels[-2] not in ("example", "mycompany", "yourcompany", "company"):
        made.notes.add("by example")
        return rf"[a-z0-9.-]+\.{re.escape('.'.join(labels[-2:]))}".replace(r"\-", "-")
    made.notes.add("own server")
    return r"id\.own-server\.example"


def _ending(config: Mapping[str, Any], made: Description) -> str:
    """Return the pattern of a host's last labels: those that the table lists, else that of its example."""
    if "enum" in config:
        return "|".join(re.escape(str(each)).replace(r"\-", "-") for each in config["enum"])
    made.notes.add("by example")
    return re.escape(str(config.get("example", "com")))


def _is_pattern(text: str) -> bool:
    try:
        pattern(text)
    except NotAPattern:
        return False
    return True


def _is_fixed(text: str, *, is_whole_host: bool) -> bool:
    """Return whether a pattern of the table can be used: of a whole host it has to fix the end."""
    return _is_pattern(text) and (not is_whole_host or bool(re.search(r"\\\.[a-z()|\\.?]+$", text)))


def _example(text: str, config: Mapping[str, Any]) -> str:
    """Return a value that matches a pattern."""
    known = pattern(text)
    parts = [re.sub(r"\\(.)", r"\1", part) for part in re.split(r"\|", re.sub(r"[()]", "", text))]
    shown = str(config.get("example", "")).removeprefix("https://")
    guesses = [*SAMPLES, *(f"acme.{part.partition('.')[2]}" for part in parts), re.sub(r"\\(.)", r"\1", text)]
    fixed = re.sub(r"\\(.)", r"\1", re.sub(r"\[[^]]*\][+*]?", "acme", text))
    return next((each for each in (shown, *parts, *guesses, fixed) if each and known.matches(each)), "")


def _link(entry: Mapping[str, Any], made: Description) -> None:
    own = dict(entry.get("authorization_params") or {})
    response_type = own.pop("response_type", (entry.get("auth") or {}).get("response_type", "code"))
    if response_type != "code":
        made.settings["response_type"] = str(response_type)
    made.scopes = [str(scope) for scope in entry.get("default_scopes") or ()]
    if "scope" in own:
        made.scopes += [scope for scope in str(own.pop("scope")).split() if scope not in made.scopes]
    for name, value in own.items():
        made.settings[f"authorize.{name}"] = _filled(_text(value), entry, made)
    for name, other in (entry.get("authorization_url_replacements") or {}).items():
        theirs, renamed = name.removesuffix("="), str(other).removesuffix("=")
        if theirs == "response_type" and not renamed:
            made.settings["response_type"] = "none"
        else:
            made.settings[f"authorize_name.{theirs}"] = renamed
    if "authorization_url_fragment" in entry:
        made.settings["authorize_fragment"] = str(entry["authorization_url_fragment"])
    if entry.get("disable_pkce"):
        made.settings["pkce"] = "none"
    _separator(entry, made)
    if "authorization_code_param_in_callback" in entry:
        made.settings["callback_code"] = entry["authorization_code_param_in_callback"]


def _separator(entry: Mapping[str, Any], made: Description) -> None:
    separator = str(entry.get("scope_separator", " "))
    if separator not in SEPARATORS:
        raise Unsayable(f"scope_separator {separator!r}")
    # An unencoded plus sign between scopes is a space as forms encode it.
    skipped = entry.get("authorization_url_skip_encode") or []
    if separator == "+" and skipped == ["scopes"]:
        separator, skipped = " ", []
    if skipped:
        raise Unsayable("authorization_url_skip_encode: a parameter that is not encoded")
    if separator != " ":
        made.settings["scope_separator"] = SEPARATORS[separator]


def _token_requests(entry: Mapping[str, Any], made: Description) -> None:
    if entry.get("token_request_auth_method") == "basic":
        made.settings |= {"client_auth": "client_secret_basic", "basic_encoding": "raw"}
    elif entry.get("authorization_method") == "header":
        made.settings["client_auth"] = "client_secret_basic"
    elif {entry.get("token_request_auth_method"), entry.get("authorization_method")} <= {None, "body"}:
        made.settings["client_auth"] = "client_secret_post"
    else:
        raise Unsayable("a way to authenticate that has no name here")
    body = entry.get("body_format", "form")
    if body not in ("form", "json"):
        raise Unsayable(f"body_format {body}")
    if body == "json":
        made.settings["token_format"] = "json"
    for prefix, name, usual in (
        ("exchange", "token_params", "authorization_code"),
        ("refresh", "refresh_params", "refresh_token"),
        ("refresh", "refresh_token_params", "refresh_token"),
    ):
        for key, value in (entry.get(name) or {}).items():
            if (key, value) != ("grant_type", usual):
                made.settings[f"{prefix}.{key}"] = _filled(_text(value), entry, made)


def _responses(entry: Mapping[str, Any], made: Description) -> None:
    if "alternate_access_token_response_path" in entry:
        made.settings["response.envelope"] = f".,{entry['alternate_access_token_response_path']}"
    for source, name in (
        ("token", "token_response_metadata"),
        ("token", "refresh_token_response_metadata"),
        ("callback", "redirect_uri_metadata"),
    ):
        for path in entry.get(name) or ():
            fact = re.sub(r"[^A-Za-z0-9]+", "_", path)
            made.settings[f"fact.{fact}"] = f"{source}.{path}"
    if "token_expiration_buffer" in entry:
        made.settings["renew_before_end"] = str(entry["token_expiration_buffer"])


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def registered(made: Description) -> tuple[Provider, App]:
    """Register a provider as `app add` does; return it with the app of one account.

    Raises:
        CommandFailed, TokensyncError: it was refused.
    """
    wanted = Wanted(
        name="table",
        provider="oauth2",
        client_id=CLIENT_ID,
        scopes=made.scopes,
        endpoints=[f"{key}={url}" for key, url in made.endpoints.items()],
        settings=[f"{key}={value}" for key, value in made.settings.items()],
    )
    app = replace(wanted.checked(is_embedded=False), client_secret=Secret(SECRET))
    provider = PROVIDERS["oauth2"].for_app(app)
    check_credentials(app, provider)
    return provider, app.of_account(made.params)


def differences(entry: Mapping[str, Any], made: Description) -> Iterator[str]:
    """Yield what of a provider does not arrive in the requests that are really built."""
    provider, app = registered(made)
    yield from _of_link(entry, made, provider, app)
    exchange = code_request(
        provider, app, Secret(CODE), redirect_uri=REDIRECT, verifier=_verifier(entry), moment=MOMENT
    )
    refresh = refresh_request(provider, app, Secret(REFRESH), MOMENT)
    yield from _of_request(entry, "token_params", exchange, {"code": CODE, "redirect_uri": REDIRECT}, made)
    names = "refresh_token_params" if "refresh_token_params" in entry else "refresh_params"
    yield from _of_request(entry, names, refresh, {"refresh_token": REFRESH}, made)
    name = entry.get("authorization_code_param_in_callback", "code")
    if Query.parse(f"{name}={CODE}").code(provider, app) != Secret(CODE):
        yield "the code is not found in the callback"


def _verifier(entry: Mapping[str, Any]) -> Secret | None:
    return None if entry.get("disable_pkce") else Secret(VERIFIER)


def _of_link(entry: Mapping[str, Any], made: Description, provider: Provider, app: App) -> Iterator[str]:
    url = authorize_url(provider, app, state=STATE, redirect_uri=REDIRECT, verifier=_verifier(entry))
    if "{" in url or not urlsplit(url).hostname:
        yield f"authorization_url: {url}"
    front, sharp, behind = url.partition("#")
    if sharp and behind.partition("?")[0] != entry.get("authorization_url_fragment"):
        yield "authorization_url_fragment"
    query = dict(parse_qsl((behind if sharp else front).partition("?")[2], keep_blank_values=True))
    renamed = {
        name.removesuffix("="): str(other).removesuffix("=")
        for name, other in (entry.get("authorization_url_replacements") or {}).items()
    }
    wanted = {"client_id": CLIENT_ID, "redirect_uri": REDIRECT, "state": STATE, "response_type": "code"}
    own = {key: value for key, value in (entry.get("authorization_params") or {}).items() if key != "scope"}
    for name, value in {**wanted, **own}.items():
        there = renamed.get(name, name)
        expected = _expected(value, made)
        if there and (query.get(there) is None or expected not in (None, query[there])):
            yield f"the link's {there}"
        if not there and name in query:
            yield f"the link has {name}"
    if bool(entry.get("disable_pkce")) == ("code_challenge" in query):
        yield "PKCE"


def _expected(value: object, made: Description) -> str | None:
    """Return a value as it is sent, None where it is another each time."""
    text = _text(value)
    if "${random}" in text:
        return None
    return PLACE.sub(lambda match: _value(match[1], made), text)


def _value(theirs: str, made: Description) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", theirs).lower()).strip("_")
    return made.params.get(name) or made.settings.get(f"value.{name}", "")


def _of_request(
    entry: Mapping[str, Any], names: str, request: Request, sent: Mapping[str, str], made: Description
) -> Iterator[str]:
    text = request.body.decode("ascii")
    is_json = entry.get("body_format") == "json"
    fields: dict[str, Any] = json.loads(text) if is_json else dict(parse_qsl(text, strict_parsing=True))
    is_basic = entry.get("token_request_auth_method") == "basic" or entry.get("authorization_method") == "header"
    client = {} if is_basic else {"client_id": CLIENT_ID, "client_secret": SECRET}
    own = {key: _expected(value, made) for key, value in (entry.get(names) or {}).items()}
    for name, value in {**client, **sent, **own}.items():
        if str(fields.get(name)) != value:
            yield f"{names}: {name}"
    if is_basic != ("authorization" in request.headers):
        yield "Basic"
    if "{" in request.url or not urlsplit(request.url).hostname:
        yield f"the token endpoint: {request.url}"


def _judged(entry: Mapping[str, Any]) -> tuple[str, set[str]]:
    """Return why a provider cannot be declared, empty where it can, and what was needed for it."""
    try:
        made = described(entry)
        missing = next(differences(entry, made), "")
    except Unsayable as unsayable:
        return str(unsayable), set()
    except (CommandFailed, TokensyncError) as refused:
        return f"refused: {getattr(refused, 'message', refused)}"[:160], set()
    return (f"not in the requests: {missing}" if missing else ""), made.notes


def report(path: Path, *, each: bool = False) -> str:
    """Return the count, and for each provider that cannot be declared why."""
    judged = {name: _judged(entry) for name, entry in sorted(providers(path).items())}
    needed = Counter(note for why, notes in judged.values() if not why for note in notes)
    declared = sum(1 for why, _ in judged.values() if not why)
    lines = [f"{declared} of {len(judged)} can be declared by settings alone"]
    lines += [f"  {count} of them: {note}" for note, count in sorted(needed.items())]
    lines += [f"{name}: {why}" for name, (why, _) in judged.items() if why]
    if each:
        lines += [
            f"{name}: {', '.join(sorted(notes)) or 'as it is'}" for name, (why, notes) in judged.items() if not why
        ]
    return "\n".join(lines)


def main() -> int:
    """Read the arguments and print the report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("path", type=Path, help="the table")
    parser.add_argument("--each", action="store_true", help="print every provider")
    asked = parser.parse_args()
    sys.stdout.write(f"{report(asked.path, each=asked.each)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
