from __future__ import annotations

import pytest

from field_rows import field
from tokensync.domain.errors import ParamRefused
from tokensync.oauth.params import (
    Param,
    agreed,
    check_declared,
    of_callback,
    of_import,
    of_invite,
    of_response,
    renewed,
)
from tokensync.oauth.templates import filled_text, filled_url

SHOP = "https://{shop}.myshopify.com/admin/oauth/access_token"
ANYTHING = ".+"


def url(template: str, pattern: str, value: str, name: str = "shop") -> str:
    """Return a template filled with one parameter."""
    return filled_url(template, {name: Param(pattern=pattern)}, {name: value})


@field("B host")
@pytest.mark.parametrize(
    ("template", "pattern", "value", "expected"),
    [
        (SHOP, "[a-z0-9-]+", "acme", "https://acme.myshopify.com/admin/oauth/access_token"),
        (SHOP, ANYTHING, "Acme", "https://acme.myshopify.com/admin/oauth/access_token"),
        ("https://api-{shop}.example.com:8443/t", "[a-z]+", "eu", "https://api-eu.example.com:8443/t"),
        ("https://{shop}/t", r"accounts\.zoho\.(com|eu|in|com\.au)", "accounts.zoho.com.au", "https://accounts.zoho.com.au/t"),
        ("{shop}/t", r"https://[a-z-]+\.my\.salesforce\.com", "https://ac-me.my.salesforce.com", "https://ac-me.my.salesforce.com/t"),
        ("{shop}/t", r"https://[a-z-]+\.my\.salesforce\.com/?", "https://a.my.salesforce.com/", "https://a.my.salesforce.com/t"),
        ("{shop}/t", r"https://(eu|us)\.api\.example\.com/v[0-9]", "https://eu.api.example.com/v2", "https://eu.api.example.com/v2/t"),
        ("{shop}/t", r"accounts\.zoho\.eu", "accounts.zoho.eu", "https://accounts.zoho.eu/t"),
        ("https://x.example/{shop}/t", ANYTHING, "a/b?c#d%e", "https://x.example/a%2Fb%3Fc%23d%25e/t"),
        ("https://x.example/t?shop={shop}&a=1", ANYTHING, "a&b=c", "https://x.example/t?shop=a%26b%3Dc&a=1"),
        ("http://127.0.0.1:9000/{shop}/t", ANYTHING, "acme", "http://127.0.0.1:9000/acme/t"),
        ("https://x.example/t", ANYTHING, "acme", "https://x.example/t"),
    ],
)  # fmt: skip
def test_a_url_is_filled_with_the_accounts_values(template: str, pattern: str, value: str, expected: str) -> None:
    """In a host a value is lower case and part of a name, anywhere else it is percent-encoded."""
    assert url(template, pattern, value) == expected


@field("B host")
@pytest.mark.parametrize(
    "value",
    ["acme.evil.com/", "acme@evil", "acme@evil.com", "acme#", "..", ".", "acme.", ".acme", "a..b", "acme:8443",
     "acme?x",      "acme%2eevil", "acme\\evil", "acme/..", "//evil.example", "https://evil.example", "https://evil.example/x",
     "a_b", "-acme", "acme-", "acme\N{IDEOGRAPHIC FULL STOP}evil", "\N{KELVIN SIGN}", "a" * 64, "a" * 300, "acme\n",
     "acme\x00", "acme evil", "", "[::1]", "acme;x", "acme'", 'acme"'],
)  # fmt: skip
def test_no_value_leads_out_of_the_templates_domain(value: str) -> None:
    """Whatever a careless pattern lets through, what is no part of a host's name is refused by the parameter's name."""
    with pytest.raises(ParamRefused, match="shop"):
        url(SHOP, ANYTHING, value)


@field("B host")
@pytest.mark.parametrize(
    ("template", "pattern"),
    [
        ("https://{shop}/t", ".*"),
        ("https://{shop}/t", ".+"),
        ("https://{shop}/t", "[^/]+"),
        ("https://{shop}/t", r"[a-z.]+\.com"),
        ("https://{shop}/t", r"[a-z.]+\.co\.uk"),
        ("https://{shop}/t", r"[a-z.]*zoho\.com"),
        ("https://{shop}/t", r"accounts\.zoho\.[a-z.]+"),
        ("https://{shop}/t", r"(accounts\.zoho\.eu|.+)"),
        ("https://{shop}.com/t", "[a-z]+"),
        ("https://{shop}.co.uk/t", "[a-z]+"),
        ("https://{shop}example.com/t", "[a-z]+"),
        ("https://example.{shop}/t", "[a-z]+"),
        ("{shop}/t", r"https://.+"),
        ("{shop}/t", r"https://[a-z]+"),
        ("{shop}/t", r"(x|https://fixed\.example\.com)*"),
    ],
)
def test_a_host_that_may_be_any_is_refused(template: str, pattern: str) -> None:
    """A parameter that is all of a host, or all but a public suffix, needs a pattern that ends with a fixed domain."""
    with pytest.raises(ParamRefused, match=r"shop.*any host"):
        url(template, pattern, "accounts.zoho.com")


@field("B host")
@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        (r"https://.*\.api\.example\.com", "https://evil.example/.api.example.com"),
        (r"https://.*\.api\.example\.com", "https://evil.example?.api.example.com"),
        (r"https://.*\.api\.example\.com", "https://u@evil.example#.api.example.com"),
        (r"https://.*\.api\.example\.com", "https://a@b.api.example.com"),
        (r"https?://a\.api\.example\.com", "http://a.api.example.com"),
        (r"https://a\.api\.example\.com(:[0-9]+)?", "https://a.api.example.com:8443"),
        (r".*\.api\.example\.com", "evil.example/.api.example.com"),
        (r"https://a\.api\.example\.com/.*", "https://a.api.example.com/../x"),
    ],
)
def test_a_whole_base_leads_nowhere_else(pattern: str, value: str) -> None:
    """The URL is taken apart once more after it is filled: scheme, host and port are those that the pattern fixes."""
    with pytest.raises(ParamRefused, match="shop"):
        url("{shop}/t", pattern, value)


@field("B host")
@pytest.mark.parametrize(
    ("template", "named"),
    [
        ("https://{shop}.myshopify.com/", "shop"),
        ("https://x.example/{shop}", "shop"),
        ("https://x.example/t?{shop}", "shop"),
        ("{shop}", "shop"),
    ],
)
def test_an_undeclared_parameter_is_refused_by_name(template: str, named: str) -> None:
    """No request goes to a host with braces in its name, nor anywhere else."""
    with pytest.raises(ParamRefused, match=f"{named}.*not declared"):
        filled_url(template, {}, {"shop": "acme"})


@field("B host")
@pytest.mark.parametrize(
    "template",
    ["https://x.example:{a}/", "https://{a}@x.example/", "{a}://x.example/", "{a}{a}/x", "{a}x/", "https://{A}.x.example/",
     "https://{a.x.example/", "https://a}.x.example/", "https://{a b}.x.example", "https://{a}#.x.example/"],
)  # fmt: skip
def test_a_parameter_is_no_other_part_of_a_url(template: str) -> None:
    """Scheme, user and port are nobody's to choose, and a stray brace is a mistake."""
    with pytest.raises(ParamRefused):
        filled_url(template, {"a": Param(pattern=r"a\.example\.com")}, {"a": "a.example.com"})


@field("B host")
@pytest.mark.parametrize("value", [".", ".."])
def test_a_value_changes_no_path(value: str) -> None:
    """A value that is a step up in a path is refused."""
    with pytest.raises(ParamRefused, match="path"):
        url("https://x.example/{shop}/token", ANYTHING, value)


@field("B host")
def test_a_value_is_held_to_the_pattern_of_now() -> None:
    """A value that was taken under another pattern is not used any more; one that is not known is named."""
    declared = {"shop": Param(pattern="[a-c]+")}

    with pytest.raises(ParamRefused, match=r"shop.*pattern"):
        filled_url(SHOP, declared, {"shop": "xyz"})
    with pytest.raises(ParamRefused, match=r"shop.*not known"):
        filled_url(SHOP, declared, {})


def test_a_text_is_filled_as_it_is() -> None:
    """A parameter of a request is encoded by its request; braces that are no parameter's stay."""
    declared = {"shop": Param(pattern=ANYTHING)}

    assert "for a/b" == filled_text("for {shop}", declared, {"shop": "a/b"})
    assert '{"id_token": {}}' == filled_text('{"id_token": {}}', declared, {})


def test_an_app_has_a_value_for_all() -> None:
    """A value of the app's own serves where the account has none."""
    declared = {"shop": Param(pattern="[a-z]+", sources=("app",), value="acme")}

    assert "https://acme.myshopify.com/admin/oauth/access_token" == filled_url(SHOP, declared, {})


@pytest.mark.parametrize(
    "param",
    [
        Param(pattern="("),
        Param(pattern="a", sources=("elsewhere",)),
        Param(pattern="a", sources=("callback.",)),
        Param(pattern="a", sources=("app",)),
        Param(pattern="a", value="a"),
        Param(pattern="a", sources=("app",), value="b"),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_refused(param: Param) -> None:
    """Pattern, source and value are looked at before an app is registered."""
    with pytest.raises(ParamRefused, match="shop"):
        check_declared({"shop": param})
    with pytest.raises(ParamRefused):
        check_declared({"Shop": Param(pattern="a")})


def test_each_source_names_its_own_parameters() -> None:
    """An invite names what is asked for, a callback and a response what they are said to name, an import anything."""
    declared = {
        "shop": Param(pattern="[a-z]+"),
        "dc": Param(pattern="[a-z]+", sources=("callback.accounts-server",)),
        "base": Param(pattern="[a-z]+", sources=("token.team.base",)),
    }
    fields = {"team": {"base": "eu"}, "shop": "evil"}
    oddities: list[str] = []

    assert {"shop": "acme"} == of_invite(declared, {"shop": "ACME"}, {"shop"})
    assert {"dc": "eu"} == of_callback(declared, {"accounts-server": "eu", "shop": "evil"}, set())
    assert {"base": "eu"} == of_response(declared, fields, fields, set(), oddities)
    assert {"shop": "a", "dc": "b"} == of_import(declared, {"shop": "a", "dc": "b"}, set())
    for refused in ({"dc": "eu"}, {"nobody": "x"}):
        with pytest.raises(ParamRefused):
            of_invite(declared, refused, set())
    with pytest.raises(ParamRefused, match=r"dc.*does not name"):
        of_callback(declared, {}, set())
    assert ({}, []) == (of_response(declared, {"team": "eu"}, {}, set(), oddities), oddities)
    assert {} == of_response(declared, {"team": {"base": "EU1"}}, {}, set(), oddities)
    assert ["team.base does not match the pattern of base"] == oddities


def test_a_later_source_only_confirms() -> None:
    """What the invite named is not moved by a callback or a response, but a response moves what a response gave."""
    declared = {"shop": Param(pattern=ANYTHING), "base": Param(pattern=ANYTHING, sources=("token.base",))}

    assert {"shop": "a", "base": "x"} == agreed({"shop": "a"}, {"shop": "a", "base": "x"})
    with pytest.raises(ParamRefused, match="shop"):
        agreed({"shop": "a"}, {"shop": "b"})
    assert {"shop": "a", "base": "y"} == renewed(declared, {"shop": "a", "base": "x"}, {"shop": "b", "base": "y"})
