"""A seller's browser as the core sees it: what it opens, the cookie it keeps, and the state it was sent away with."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlsplit

from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from fakes.world import World
    from tokensync.entry.pages import Page


class Browser:
    """A seller's browser. Every visit is to the world's own app unless another is named."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cookies: tuple[str, ...] = ()
        self.state = ""
        self.away: dict[str, str] = {}

    @property
    def secret(self) -> Secret:
        """Return the browser's own secret: its cookie without our signature."""
        return Secret(self.cookies[0].partition("=")[2].partition(".")[0])

    def carry(self, secret: Secret) -> None:
        """Carry a cookie of ours with this secret."""
        self.cookies = (f"__Host-tokensync={self.world.signer.cookie(secret).reveal()}",)

    def connect(self, query: str | None = None, app: str = "") -> Page:
        """Open an invite's link."""
        page = self.world.seller_pages.connect(
            app or self.world.app.name,
            self.world.invite() if query is None else query,
            self.cookies,
            base_url=self.world.base_url,
        )
        self._keep(page)
        if page.status == 302:  # to the provider
            sent = parse_qs(urlsplit(page.headers["location"]).query)
            self.away = {name: values[0] for name, values in sent.items()}
            self.state = self.away["state"]
        return page

    def back(self, query: str = "code=code-1", app: str = "") -> Page:
        """Come back from the consent page, with the state."""
        return self.arrive(f"{query}&state={quote(self.state)}", app)

    def authorize(self, query: str | None = None, back: str = "code=code-1") -> Page:
        """Open an invite's link, and come back from the consent page."""
        self.connect(query)
        return self.back(back)

    def arrive(self, query: str, app: str = "") -> Page:
        """Come to the callback with this query and nothing more."""
        page = self.world.seller_pages.callback(
            app or self.world.app.name,
            query,
            self.cookies,
            self.world.budget(),
            base_url=self.world.base_url,
        )
        self._keep(page)
        return page

    def result(self, app: str = "") -> Page:
        """Look at the result page."""
        return self.world.seller_pages.result(app or self.world.app.name, self.cookies, base_url=self.world.base_url)

    def _keep(self, page: Page) -> None:
        if page.cookies:
            self.cookies = (page.cookies[0].partition(";")[0],)
