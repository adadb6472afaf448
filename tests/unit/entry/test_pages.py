from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from importlib.resources import files

import pytest
from jinja2 import UndefinedError

from fakes.hostile import CONTROLS, unseen
from fakes.hostile import HOSTILE as OTHERS
from tokensync.domain.authorization import AuthorizationState
from tokensync.entry.pages import Page, page
from tokensync.entry.seller_pages import RESULT_PAGES

HOSTILE = (
    "<script>alert(1)</script>\"' onload=alert(1) &amp; {{ 6 * 7 }}"
    "\r\nX: y\N{RIGHT-TO-LEFT OVERRIDE}\N{ZERO WIDTH SPACE}\x00"
)
ASKS = "which_account"  # the one page with a form
RETURN = "https://app.example/done?a=1&b=2"
AGAIN = "https://api.example/connect/shop?invite=x.y"
TEMPLATES = sorted(
    entry.name.removesuffix(".html")
    for entry in (files("tokensync.entry.pages") / "templates").iterdir()
    if entry.name.endswith(".html") and entry.name != "base.html"
)
ENDINGS = sorted(name for state, name in RESULT_PAGES.items() if state is not AuthorizationState.WORKING)


class Seen(HTMLParser):
    """What a browser would find on a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "br", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Note the end of the innermost tag."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data

    def links(self) -> dict[str | None, str | None]:
        """Return where each link leads, by its id."""
        return {attrs.get("id"): attrs.get("href") for tag, attrs in self.tags if tag == "a"}


def filled(name: str, *, label: str = "Acme", provider: str = "TikTok Shop", again: str = "", back: str = "") -> Page:
    """Return a page with all that a page may show."""
    values = {"label": label, "provider": provider, "again": again, "return_url": back, "missing": "orders.write"}
    if name != ASKS:
        return page(name, 200, **values)
    return page(name, 200, asked={"shop": label}, action="/connect/shop", invite=again, wrong=back, **values)


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_page_is_whole(name: str) -> None:
    """Each page has a title that is its heading, closes what it opens, and carries its status and type."""
    made = filled(name)
    seen = Seen(made.body)

    assert made.body.startswith("<!doctype html>")
    assert seen.open == []
    assert made.status == 200
    assert made.headers["content-type"] == "text/html; charset=utf-8"
    title = re.search(r"<title>(.+)</title>", made.body)
    heading = re.search(r"<h1>(.+)</h1>", made.body)
    assert title
    assert heading
    assert title[1] == heading[1]


@pytest.mark.parametrize("name", TEMPLATES)
def test_nothing_comes_from_anybody_else(name: str) -> None:
    """No page loads a script, a style, an image or a frame, or has an event handler; one alone holds a form."""
    seen = Seen(filled(name, again=AGAIN, back=RETURN).body)

    form = {"form", "label", "input", "button"} if name == ASKS else set()
    assert {tag for tag, _ in seen.tags} <= {
        "html", "head", "meta", "title", "style", "body", "main", "p", "h1", "a", "strong", *form,
    }  # fmt: skip
    allowed = {"lang", "charset", "name", "content", "http-equiv", "class", "aria-hidden", "id", "href", "rel"}
    if name == ASKS:
        allowed |= {"method", "action", "type", "value", "for", "maxlength", "required"}
        allowed |= {"autocomplete", "autocapitalize", "spellcheck"}
    assert {attribute for _, attributes in seen.tags for attribute in attributes} <= allowed


@pytest.mark.parametrize("name", TEMPLATES)
def test_hostile_text_is_only_text(name: str) -> None:
    """Script, quotes and template syntax are shown as they are, and no control or bidi character gets through."""
    made = filled(name, label=HOSTILE, provider=HOSTILE, again=AGAIN + HOSTILE, back=RETURN + HOSTILE)
    seen = Seen(made.body)
    harmless = Seen(filled(name, label="x", provider="x", again=AGAIN, back=RETURN).body)

    assert [tag for tag, _ in seen.tags] == [tag for tag, _ in harmless.tags]
    assert [sorted(attributes) for _, attributes in seen.tags] == [sorted(attrs) for _, attrs in harmless.tags]
    assert not re.search("[\N{RIGHT-TO-LEFT OVERRIDE}\N{ZERO WIDTH SPACE}\x00\r]", made.body)
    assert made.body.count("{{ 6 * 7 }}") == made.body.count("&lt;script&gt;alert(1)&lt;/script&gt;")


@pytest.mark.parametrize("name", TEMPLATES)
def test_whatever_a_stranger_is_called_a_page_has_its_own_tags(name: str) -> None:
    """No tag or attribute comes of it, and every character of the page is seen."""
    harmless = Seen(filled(name, label="x", provider="x", again=AGAIN, back=RETURN).body)
    for text in (*OTHERS.values(), *CONTROLS.values()):
        made = filled(name, label=f"x{text}", provider=f"x{text}", again=AGAIN, back=RETURN)

        assert harmless.tags == Seen(made.body).tags
        assert set() == unseen(made.body)


@pytest.mark.parametrize("name", ["connected"])
def test_the_label_is_shown(name: str) -> None:
    """The seller reads the name of the account that was connected, whatever its script."""
    assert 'id="label">Ünïcode &amp; 店</strong>' in filled(name, label="Ünïcode & 店").body
    assert 'id="label"' not in filled(name, label="").body


@pytest.mark.parametrize("name", ENDINGS)
def test_the_return_button_appears_only_when_given(name: str) -> None:
    """A page that ends an authorization leads back where the app says, and nowhere where it says nothing."""
    assert Seen(filled(name, back=RETURN).body).links().get("return") == RETURN
    assert "return" not in Seen(filled(name).body).links()


@pytest.mark.parametrize("name", ["waiting", "failed", "declined"])
def test_starting_again_is_offered_only_when_possible(name: str) -> None:
    """Where the invite lasts there is a button, else the way to get a new one is said in words."""
    assert Seen(filled(name, again=AGAIN).body).links().get("again") == AGAIN
    without = Seen(filled(name).body)
    assert "again" not in without.links()
    assert "ask for a new one" in without.text


@pytest.mark.parametrize("state", AuthorizationState)
def test_every_state_has_its_page(state: AuthorizationState) -> None:
    """The result page has something to say for each way in which an authorization can end."""
    assert RESULT_PAGES[state] in TEMPLATES


def test_the_working_page_looks_again() -> None:
    """While an exchange is under way the page reloads itself, and no other page does."""
    assert ("meta", {"http-equiv": "refresh", "content": "3"}) in Seen(page("working", 200, refresh=3).body).tags
    assert "http-equiv" not in page("working", 200).body


def test_what_a_page_needs_must_be_given() -> None:
    """A page without the values that it shows is a mistake of the program and not an empty page."""
    with pytest.raises(UndefinedError):
        page("connected", 200)


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_policy_allows_exactly_the_pages_own_style(name: str) -> None:
    """The CSP's hash is that of the style on the page, and everything else is forbidden."""
    made = filled(name)
    style = re.search(r"<style>(.*?)</style>", made.body, re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()

    policy = made.all_headers()["content-security-policy"]

    form_action = "'self' https: http://localhost:* http://127.0.0.1:*" if name == ASKS else "'none'"
    assert sorted(policy.split("; ")) == [
        "base-uri 'none'",
        "default-src 'none'",
        f"form-action {form_action}",
        "frame-ancestors 'none'",
        f"style-src 'sha256-{digest}'",
    ]


def test_every_answer_has_the_common_headers() -> None:
    """Nothing is stored, sniffed, framed, or passed to the next site, redirects included."""
    headers = Page(status=303, headers={"location": "/connect/shop/result"}).all_headers()

    assert headers["location"] == "/connect/shop/result"
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["strict-transport-security"].startswith("max-age=")
