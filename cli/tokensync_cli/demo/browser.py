"""A seller's browser without a window, for the demo: it follows links, fills the consent form, and keeps our cookie."""

from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx

_TIMEOUT = 40.0  # API Gateway's 30 seconds, and a cold start before


class Seller:
    """Goes from an invite to the result page. Only the sandbox's consent page is ever filled in."""

    def __init__(self, sandbox_url: str) -> None:
        self._sandbox_url = sandbox_url
        # Carried by hand: Python's cookie jars never send a __Host- cookie over http, browsers do on localhost.
        self._cookie = ""

    def connect(self, link: str, *, account: str) -> str:
        """Open an invite's link, approve as this account, and return the headline of the page that ends it all."""
        consent_url = self._open(link).headers["location"]
        page = _Page(httpx.get(consent_url, timeout=_TIMEOUT).text)
        form = {**page.fields, "account": [account], "decision": ["approve"]}
        given = httpx.post(urljoin(consent_url, page.action), data=form, timeout=_TIMEOUT)
        callback_url = given.headers["location"]
        result = self._open(callback_url)
        while "location" in result.headers:
            result = self._open(urljoin(callback_url, result.headers["location"]))
        return _Page(result.text).headline

    def _open(self, url: str) -> httpx.Response:
        headers = {} if url.startswith(self._sandbox_url) or not self._cookie else {"cookie": self._cookie}
        answer = httpx.get(url, headers=headers, timeout=_TIMEOUT)
        if "set-cookie" in answer.headers:
            self._cookie = answer.headers["set-cookie"].partition(";")[0]
        return answer


class _Page(HTMLParser):
    """A page's form as a browser would send it untouched, and its headline."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.action = ""
        self.headline = ""
        self.fields: dict[str, list[str]] = {}
        self._in_headline = False
        self._select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        match tag:
            case "form":
                self.action = found.get("action", "")
            case "h1":
                self._in_headline = True
            case "select":
                self._select = found.get("name", "")
            case "option" if self._select and ("selected" in found or self._select not in self.fields):
                self.fields[self._select] = [found.get("value", "")]
            case "input" if found.get("type") in ("hidden", None) or "checked" in found:
                self.fields.setdefault(found.get("name", ""), []).append(found.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "h1":
            self._in_headline = False
        if tag == "select":
            self._select = ""

    def handle_data(self, data: str) -> None:
        if self._in_headline:
            self.headline += data
