"""Each page as a seller sees it: whole, readable, usable without a mouse, on a phone and a desk, by day and night."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import pytest

from tokensync.entry.pages import page

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page, Route

    from browser.visitor import Visitor

ADDRESS = "http://localhost/connect/shop/result"
AGAIN = "http://localhost/connect/shop?invite=x.y"
RETURN = "http://localhost/done?a=1&b=2"
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}
PAGES = sorted(
    entry.name.removesuffix(".html")
    for entry in (files("tokensync.entry.pages") / "templates").iterdir()
    if entry.name.endswith(".html") and entry.name != "base.html"
)
LABEL = "Jakarta Batik House"

# WCAG 2.2 §1.4.3: 4.5 for text, 3 for large text; the mark is large.
CONTRASTS = """() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const luminance = colour => {
    const [r, g, b] = numbers(colour).map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const ground = element => {
    const colour = getComputedStyle(element).backgroundColor;
    return numbers(colour)[3] === 0 ? ground(element.parentElement) : colour;
  };
  return [...document.querySelectorAll('h1, p, a, strong')].filter(e => e.innerText.trim()).map(element => {
    const colours = [getComputedStyle(element).color, ground(element)];
    const [dark, light] = colours.map(luminance).sort((a, b) => a - b);
    return [element.innerText.slice(0, 30), (light + .05) / (dark + .05) / (element.className === 'mark' ? 3 : 4.5)];
  });
}"""
WIDTH = "document.documentElement.scrollWidth"
FOCUSED = """() => {
  const element = document.activeElement;
  return element.matches(':focus-visible') && getComputedStyle(element).outlineStyle !== 'none' ? element.id : null;
}"""


def shown(visitor: Visitor, name: str, label: str = LABEL) -> Page:
    """Open one of the pages with everything on it that it can hold, as the callback function would send it."""
    values = {"label": label, "provider": "Acme", "again": AGAIN, "return_url": RETURN, "missing": "orders.write"}
    asked = {"shop": label} if name == "which_account" else {}
    made = page(name, 200, asked=asked, action="/connect/shop", invite="x.y", wrong="yes", **values)

    def answer(route: Route) -> None:
        headers = made.all_headers()
        # No server here speaks TLS, and Chromium would insist on it from then on.
        del headers["strict-transport-security"]
        route.fulfill(status=made.status, headers=headers, body=made.body)

    visitor.context.route("**/*", answer)
    return visitor.open(ADDRESS)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole(visitor: Visitor, screenshots: Path, name: str) -> None:
    """It has a language, a title, one heading, its own style under its own policy, and fits a phone of 360 px."""
    tab = shown(visitor, name)

    assert "en" == tab.locator("html").get_attribute("lang")
    assert [tab.title()] == tab.get_by_role("heading").all_inner_texts()
    assert "16px" == tab.locator("main").evaluate("element => getComputedStyle(element).borderRadius")
    for scheme, size, where in (("light", DESK, "desk"), ("dark", PHONE, "phone")):
        tab.set_viewport_size(size)
        tab.emulate_media(color_scheme=scheme)
        assert size["width"] == tab.evaluate(WIDTH)
        tab.screenshot(path=screenshots / f"{name}-{where}-{scheme}.png")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_readable(visitor: Visitor, name: str) -> None:
    """Every text stands out from its ground as WCAG asks, by day and by night."""
    tab = shown(visitor, name)
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        contrasts = tab.evaluate(CONTRASTS)
        assert len(contrasts) >= 2
        assert [] == [(text, ratio) for text, ratio in contrasts if ratio < 1]


def test_a_long_name_is_broken(visitor: Visitor) -> None:
    """An account whose name is one long word makes the page no wider than the phone."""
    tab = shown(visitor, "connected", "W" * 100)
    tab.set_viewport_size(PHONE)

    assert PHONE["width"] == tab.evaluate(WIDTH)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_usable_by_keyboard(visitor: Visitor, name: str) -> None:
    """The Tab key reaches each link in the order of reading, each shows that it has the focus, and Enter follows it."""
    tab = shown(visitor, name)
    for link in tab.get_by_role("link").all():
        tab.keyboard.press("Tab")
        assert link.get_attribute("id") == tab.evaluate(FOCUSED)
    if tab.get_by_role("link").count():
        target = tab.get_by_role("link").last.get_attribute("href")
        tab.keyboard.press("Enter")
        tab.wait_for_url(str(target))
