"""Every field that a page shows, filled with two hundred hostile texts, in a real browser with the CSP and without it.

The pages are made by the doors themselves, from an invite, a callback or a provider's answer to the result.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest

from browser.payloads import PAYLOADS
from fakes.scripted import OIDC, Staged, oidc_token
from fault_rows import fault
from tokensync.domain.text import LABEL_LENGTH, one_line, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from browser.visitor import Visitor
    from tokensync.entry.pages import Page

BENIGN = "Acme"
ASKED, BY_INVITE, BY_ACCOUNT, DECLINED = "asked", "connected, by its invite", "connected, by its account", "declined"
WAITING = "waiting"
ALL = (ASKED, BY_INVITE, BY_ACCOUNT, DECLINED, WAITING)
# What a browser makes of a page: its elements with their attributes, where its links and forms lead, and what it says.
SEEN = """(seen => SEEN)(w => ({
  ran: w.ran ?? null,
  at: w.location.pathname,
  elements: [...w.document.querySelectorAll('*')].map(e => [e.localName, ...e.getAttributeNames()].join(' ')),
  links: [...w.document.links].map(a => a.protocol + '//' + a.hostname),
  forms: [...w.document.forms].map(f => new URL(f.action).pathname),
  label: w.document.querySelector('#label')?.textContent ?? null,
  missing: w.document.querySelector('#missing strong')?.textContent ?? null,
  asked: w.document.querySelector('form label')?.textContent ?? null,
}))"""
WHOLE, FRAMED = (SEEN.replace("SEEN", what) for what in ("[seen(window)]", "Array.from(window.frames).map(seen)"))
SHEET = 40  # pages that are looked at together


def staged(text: str) -> Staged:
    """Return an app whose provider's title, scopes, address to return to and question to the seller are a text."""
    settings = {
        **OIDC.settings,
        "title": text,
        "return_url": f"https://app.example/{text}",
        "param.shop": "[a-z]+",
        "param_title.shop": text,
    }
    made = Staged.of(replace(OIDC, settings=settings, scopes=("read", text)))
    made.server.says("/token", oidc_token(scope="read"))
    made.server.says("/userinfo", {"sub": "u-1", "name": text})
    return made


def pages(text: str) -> dict[str, Page]:
    """Let a seller walk through the doors to each page that shows anything, with a text for everything."""
    made = staged(text)
    world, browser = made.world, made.browser
    # A value with control characters is no callback at all, and its page shows nothing.
    wrong = quote(printable(text), safe="")
    shown = {ASKED: browser.connect(f"{world.invite(label=text)}&param.shop={wrong}&{quote(text, safe='')}=1")}
    for name, label, back in (
        (BY_INVITE, text, "code=code-1"),
        (BY_ACCOUNT, "", "code=code-2"),
        (DECLINED, text, f"error={wrong}&error_description={quote(text, safe='')}&error_uri={wrong}"),
    ):
        browser.connect(f"{world.invite(label=label, id=name)}&param.shop=shop")
        if name == DECLINED:
            shown[WAITING] = browser.result()
        browser.back(back)
        world.clock.advance(1)
        shown[name] = browser.result()
    return shown


@dataclass
class Gallery:
    """A server on loopback: pages as they are below /with, without their policy below /without, many on a /sheet."""

    origin: str
    pages: list[Page]

    def hang(self, page: Page) -> int:
        """Show one more page, and return its number."""
        self.pages.append(page)
        return len(self.pages) - 1

    def answer(self, path: str) -> tuple[dict[str, str], str]:
        """Return the headers and the body of an answer."""
        _, kind, number, *more = path.split("/")
        if kind == "sheet":
            frames = (f'<iframe src="/without/{each}"></iframe>' for each in range(int(number), int(more[0])))
            return {
                "content-type": "text/html"
            }, "<!doctype html><title>Sheet</title><link rel=icon href=data:,>" + "".join(frames)
        made = self.pages[int(number)]
        # No server here speaks TLS, and Chromium would insist on it from then on.
        left_out = {"strict-transport-security"}
        if kind == "without":
            left_out |= {"content-security-policy", "x-frame-options"}
        return {name: value for name, value in made.all_headers().items() if name not in left_out}, made.body


@pytest.fixture(scope="module")
def gallery() -> Iterator[Gallery]:
    """Serve pages."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            headers, body = shown.answer(self.path)
            self.send_response(200)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("localhost", 0), Handler)
    shown = Gallery(f"http://localhost:{server.server_port}", [])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield shown
    server.shutdown()
    server.server_close()


@dataclass(frozen=True)
class Seen:
    """What the browser made of one page, and the text that is on it."""

    text: str
    name: str
    page: dict[str, Any]


@pytest.fixture(scope="module")
def walked() -> dict[str, dict[str, Page]]:
    """Every page of every payload, and of a harmless text."""
    return {text: pages(text) for text in (BENIGN, *PAYLOADS)}


def judge(harmless: dict[str, dict[str, Any]], seen: list[Seen]) -> None:
    """Assert that each page differs from the harmless one in nothing but its text, and that the text is on it."""
    for one in seen:
        where, same = f"{one.text!r} on {one.name}", harmless[one.name]
        for part in ("ran", "elements", "links", "forms"):
            assert same[part] == one.page[part], where
        for part in ("label", "missing", "asked"):
            if same[part] is not None:
                assert one_line(one.text, length=LABEL_LENGTH) == one.page[part], where


@fault("C8")
def test_two_hundred_payloads_are_text(visitor: Visitor, gallery: Gallery, walked: dict[str, dict[str, Page]]) -> None:
    """As the pages are sent: nothing runs, is asked for or leads elsewhere, and the policy has nothing to refuse."""
    tab, seen = visitor.context.new_page(), []
    for text, shown in walked.items():
        for name in (ASKED, BY_INVITE):
            path = f"/with/{gallery.hang(shown[name])}"
            tab.goto(f"{gallery.origin}{path}")
            (page,) = tab.evaluate(WHOLE)
            assert path == page["at"], text
            seen.append(Seen(text, name, page))
    judge({one.name: one.page for one in seen if one.text == BENIGN}, seen)

    assert len(PAYLOADS) >= 200
    assert len(seen) == len(visitor.requests)


@fault("C8")
def test_two_hundred_payloads_are_text_without_the_policy(
    visitor: Visitor, gallery: Gallery, walked: dict[str, dict[str, Page]]
) -> None:
    """Escaping alone holds them, in every field: no policy stands behind it here."""
    # The others have no place for a text that these do not have.
    names = {text: ALL if number % 5 == 0 else ALL[:3] for number, text in enumerate(walked)}
    hung = [(text, name, gallery.hang(shown[name])) for text, shown in walked.items() for name in names[text]]
    first, tab, seen, sheets = hung[0][2], visitor.context.new_page(), list[Seen](), 0
    for begin in range(first, first + len(hung), SHEET):
        end = min(begin + SHEET, first + len(hung))
        tab.goto(f"{gallery.origin}/sheet/{begin}/{end}")
        sheets += 1
        frames = tab.evaluate(FRAMED)
        assert [f"/without/{number}" for number in range(begin, end)] == [page["at"] for page in frames]
        assert tab.evaluate("window.ran ?? null") is None
        seen += [Seen(*hung[begin - first + place][:2], page) for place, page in enumerate(frames)]
    judge({one.name: one.page for one in seen if one.text == BENIGN}, seen)

    assert len(hung) == len(seen)
    assert len(hung) + sheets == len(visitor.requests)


@fault("C8")
def test_a_hostile_return_url_is_no_link() -> None:
    """An operator's own setting leads to https or to this machine, or nowhere: escaping stops no `javascript:`."""
    made = [replace(OIDC, settings={"return_url": url}).return_url for url in PAYLOADS]

    assert {"", "https"} == {urlsplit(url).scheme for url in made}
