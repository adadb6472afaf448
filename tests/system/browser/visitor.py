"""A seller's own browser: all that it asked for, said and complained about is recorded, and judged when it closes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import expect

from stack import eventually

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, ConsoleMessage, Dialog, Page, Request, Response, WebError

# What Chromium says about every page whose status is not a success; the statuses themselves are judged instead.
_STATUS_NOTED = "Failed to load resource: the server responded with a status of "
_REFUSAL = 400


@dataclass
class Visitor:
    """One browser with its own cookies, empty at first. `expected` are the refusals that its test provokes."""

    context: BrowserContext
    requests: list[Request] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)
    expected: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Listen to every tab."""
        self.context.on("request", self._requested)
        self.context.on("response", self._answered)
        self.context.on("console", self._said)
        self.context.on("weberror", self._broke)
        self.context.on("dialog", self._asked)

    def _requested(self, request: Request) -> None:
        self.requests.append(request)

    def _answered(self, response: Response) -> None:
        self.statuses.add(response.status)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not message.text.startswith(_STATUS_NOTED):
            self.complaints.append(message.text)

    def _broke(self, error: WebError) -> None:
        self.complaints.append(str(error.error))

    def _asked(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def open(self, url: str, *, status: int = 200) -> Page:
        """Open an address in a new tab. `status` is how it answers, redirects followed."""
        tab = self.context.new_page()
        self.expected.add(status)
        response = tab.goto(url)
        assert response is not None
        assert status == response.status
        return tab

    def consent(self, tab: Page, account: str) -> None:
        """Choose an account on the sandbox's consent page and approve, without waiting for what comes of it."""
        tab.locator(f"#account-{account}").check()
        tab.locator("#approve").click(no_wait_after=True)

    def connect(self, url: str, account: str) -> Page:
        """Go from an invite through the consent page to the page that says that all is well."""
        tab = self.open(url)
        self.consent(tab, account)
        told(tab, "Your account is connected")
        return tab

    def callbacks(self) -> list[str]:
        """Return the callback addresses that the provider sent this browser to."""
        return [request.url for request in self.requests if urlsplit(request.url).path.startswith("/callback/")]

    def judge(self) -> None:
        """Assert that no page complained or asked anything, and that nothing but this machine was asked."""
        assert [] == self.complaints
        assert {"localhost"} >= {urlsplit(request.url).hostname for request in self.requests}
        assert self.expected >= {status for status in self.statuses if status >= _REFUSAL}


def told(tab: Page, heading: str) -> None:
    """Wait until a tab shows a page of this heading."""
    expect(tab.get_by_role("heading", level=1)).to_have_text(heading, timeout=30_000)


def state_of(tab: Page) -> str:
    """Return the state that the consent page in a tab was given."""
    return parse_qs(urlsplit(tab.url).query)["state"][0]


def in_another_second() -> None:
    """Let the clock go on: a browser's authorizations are told in the order of the whole seconds they ended in."""
    now = int(time.time())
    eventually(lambda: int(time.time()) > now, seconds=5)
