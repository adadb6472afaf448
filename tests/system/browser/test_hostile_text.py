"""Text that others chose stays text: what a seller, a shop or a provider is called runs nothing and asks nobody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from browser.visitor import in_another_second, state_of, told
from fault_rows import fault
from tokensync.domain.names import ConnectionName

if TYPE_CHECKING:
    from collections.abc import Callable

    from browser.visitor import Visitor
    from stack import Sandbox, Stack

APP = "browser-hostile"
CANCELLED = "You did not connect your account"
REFUSED = "This link cannot be used"
SCRIPT = "<script>window.ran = 1; fetch('http://evil.example/')</script>"
NAMES = {
    "markup": f"</title></style>{SCRIPT}{{{{ 7 * 7 }}}}{{% include 'style.css' %}}${{7*7}}&#60;script&#62;"
    '"\'><img src=http://evil.example/ onerror="window.ran = 1; alert(1)"><a href=\'javascript:alert(1)',
    "bidi": "safe\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe\N{LEFT-TO-RIGHT ISOLATE}\N{ZERO WIDTH SPACE}\r\nSet-Cookie: ran=1",
    "enormous": SCRIPT * 1700,
}
HIDDEN = set("\N{RIGHT-TO-LEFT OVERRIDE}\N{LEFT-TO-RIGHT ISOLATE}\N{ZERO WIDTH SPACE}\r\n")
SECRETS_MANAGER_LIMIT = 65_536  # bytes, AWS's quota for a secret's value


@pytest.fixture(scope="module")
def sandbox(stack: Stack) -> Sandbox:
    """An app of our own."""
    return stack.add_app(APP)


@fault("C8")
@pytest.mark.parametrize("bypass_csp", [False, True], ids=["with the CSP", "without the CSP"])
@pytest.mark.parametrize("kind", NAMES)
def test_a_hostile_name_is_only_text(
    stack: Stack, sandbox: Sandbox, visit: Callable[..., Visitor], kind: str, *, bypass_csp: bool
) -> None:
    """Seller, shop, label and error with markup, bidi text or 100 KB: nothing runs, with the CSP and without it."""
    name = NAMES[kind]
    account = sandbox.call(
        "POST",
        "accounts",
        provider="tiktok_shop",
        region="GB",
        label="A seller",
        seller_name=name,
        shops=[{"name": name, "region": "GB"}],
    )["accounts"][0]["account"]
    visitor = visit(bypass_csp=bypass_csp)
    label = name[:1000]  # a longer one has no place in a link
    tab = visitor.connect(stack.invite(APP, label=label), account)
    shown = tab.locator("#label").inner_text()
    assert shown
    assert not HIDDEN & set(shown)

    consent = visitor.open(stack.invite(APP, label=label))
    fields = "&".join(f"{field}={quote(label)}" for field in ("error", "error_description", "error_uri"))
    denied = f"{stack.outputs.callback_url}/{APP}?state={quote(state_of(consent))}&{fields}"
    # Control characters make it no callback at all.
    status, heading = (400, REFUSED) if kind == "bidi" else (200, CANCELLED)
    in_another_second()
    error = visitor.open(denied, status=status)
    told(error, heading)

    assert [None] * 3 == [page.evaluate("window.ran ?? null") for page in (tab, consent, error)]
    assert ["__Host-tokensync"] == [cookie["name"] for cookie in visitor.context.cookies()]
    assert SECRETS_MANAGER_LIMIT > len(json.dumps(stack.document(ConnectionName(APP, account))))
