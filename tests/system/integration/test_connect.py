"""A seller connects through the deployed stack: the callback's rows over real HTTP, and what every store holds then."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import quote

import httpx
import pytest

from canary import leaked
from fault_rows import fault
from stack import Browser, Sandbox, Stack, eventually
from tokensync.domain.connection import Status
from tokensync.domain.names import ConnectionName, token_secret_name

APP = "connect-shop"
CANARY = "C4N4RY-in-every-code-and-token"


@pytest.fixture(scope="module")
def sandbox(stack: Stack) -> Sandbox:
    """An app whose codes and tokens all carry a canary."""
    return stack.add_app(APP, token_marker=CANARY)


@pytest.fixture
def browser(stack: Stack, sandbox: Sandbox) -> Browser:
    """A browser on its way to the consent page."""
    made = Browser(stack, APP, sandbox)
    made.connect(stack.invite(APP))
    return made


@pytest.fixture
def seller(sandbox: Sandbox) -> str:
    """A seller of its own for each test."""
    return sandbox.sellers(1)[0]


def callback(stack: Stack, query: str, app: str = APP) -> str:
    """Return a callback's URL."""
    return f"{stack.outputs.callback_url}/{app}?{query}"


def test_a_seller_connects_and_a_workload_reads_the_token(stack: Stack, sandbox: Sandbox, seller: str) -> None:
    """Invite, consent, callback, result: one exchange, one secret with the public contract, shops included."""
    name = stack.connect(APP, sandbox, seller)
    document = stack.document(name)

    assert {
        "version",
        "connection",
        "provider",
        "app",
        "account_id",
        "label",
        "access_token",
        "token_type",
        "expires_at",
        "refresh_token_expires_at",
        "scopes",
        "account",
        "generation",
        "obtained_at",
        "status",
        "owner",
    } == set(document)
    assert (1, str(name), "tiktok_shop", APP, seller, "active") == (
        document["version"],
        document["connection"],
        document["provider"],
        document["app"],
        document["account_id"],
        document["status"],
    )
    assert document["account"]["shops"][0]["cipher"]
    assert ["issued"] == [entry["outcome"] for entry in sandbox.entries(account=seller, kind="code")]


def test_the_pages_carry_the_headers_that_keep_others_out(stack: Stack, sandbox: Sandbox) -> None:
    """A strict policy, no store, no referrer; the cookie is bound to this host and out of reach of scripts."""
    browser = Browser(stack, APP, sandbox)
    answer = browser.get(stack.invite(APP))
    page = browser.result()
    name, *attributes = answer.headers["set-cookie"].split("; ")

    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert ("no-store", "no-referrer") == (page.headers["cache-control"], page.headers["referrer-policy"])
    assert "no-store" == answer.headers["cache-control"]
    assert name.startswith("__Host-tokensync=")
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(attributes)


@fault("C1")
@pytest.mark.parametrize(
    "query",
    ["code=c", "code=c&state=", f"code=c&state={'x' * 5000}", "code=c&state=%C3%A9", "code=c&state=e30.AAAA"],
)
def test_a_state_that_is_not_ours_is_refused(stack: Stack, browser: Browser, sandbox: Sandbox, query: str) -> None:
    """None, empty, 5 KB, non-ASCII, forged: 400 and no exchange."""
    before = len(sandbox.entries())

    assert httpx.codes.BAD_REQUEST == browser.get(callback(stack, query)).status_code
    assert before == len(sandbox.entries())


@fault("C2")
def test_a_state_without_the_cookie_consumes_nothing(stack: Stack, browser: Browser, seller: str) -> None:
    """A link scanner gets 400; the real browser still succeeds."""
    location = browser.consent(seller)

    assert httpx.codes.BAD_REQUEST == httpx.get(location, timeout=60).status_code
    assert httpx.codes.SEE_OTHER == browser.get(location).status_code
    assert Status.ACTIVE == stack.stored(ConnectionName(APP, seller)).status


@fault("C3")
def test_another_browsers_cookie_is_refused(stack: Stack, browser: Browser, sandbox: Sandbox, seller: str) -> None:
    """State and cookie have to come from one browser."""
    location = browser.consent(seller)
    other = Browser(stack, APP, sandbox)
    other.connect(stack.invite(APP))

    assert httpx.codes.BAD_REQUEST == other.get(location).status_code


@fault("C4")
def test_fifty_callbacks_at_once_make_one_exchange(browser: Browser, sandbox: Sandbox, seller: str) -> None:
    """All are sent to the result, which tells the winner's outcome; the code was presented once."""
    location = browser.consent(seller)
    with ThreadPoolExecutor(50) as pool:
        # The front door lets eight through at once, and a new process of a function takes seconds to start.
        eventually(lambda: all(page.status_code < 500 for page in pool.map(lambda _: browser.result(), range(8))))
        asked = partial(httpx.get, location, headers={"cookie": browser.cookie}, timeout=120)
        statuses = list(pool.map(lambda _: asked().status_code, range(50)))

    assert [httpx.codes.SEE_OTHER] * 50 == statuses
    assert 1 == len(sandbox.entries(account=seller, kind="code"))
    assert "Your account is connected" in browser.result().text


@fault("C5")
@pytest.mark.parametrize("query", ["error=access_denied", "code=null&error=auth_denied"])
def test_a_denial_is_told(stack: Stack, browser: Browser, sandbox: Sandbox, query: str) -> None:
    """Cancelled: consumed, no exchange."""
    before = len(sandbox.entries())
    answer = browser.get(callback(stack, f"{query}&state={quote(browser.state)}"))

    assert httpx.codes.SEE_OTHER == answer.status_code
    assert "You did not connect your account" in browser.result().text
    assert before == len(sandbox.entries())


@fault("C6", "C7")
@pytest.mark.parametrize(
    "query",
    [
        "code=c&error=x",
        "code=a&code=b",
        f"code={'c' * 10240}",
        "code=a%00b",
        "code=a%0D%0Ab",
        "code=%ff",
        "code=%C3%A9",
    ],
)
def test_a_callback_that_no_provider_sends_is_refused(
    stack: Stack, browser: Browser, sandbox: Sandbox, query: str
) -> None:
    """Code and error, anything twice, 10 KB, NUL, CR LF, not UTF-8: 400, never 500, no exchange."""
    before = len(sandbox.entries())

    answer = browser.get(callback(stack, f"{query}&state={quote(browser.state)}"))
    assert httpx.codes.BAD_REQUEST == answer.status_code
    assert before == len(sandbox.entries())


@fault("C9")
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_other_methods_are_not_served(stack: Stack, method: str) -> None:
    """Nothing but GET reaches the function."""
    answer = httpx.request(method, callback(stack, "code=c&state=s"), timeout=60)

    assert answer.status_code in (httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED)


@fault("C9")
@pytest.mark.parametrize("path", ["callback/nobody", "callback/UPPER", "connect/nobody", "callback/..%2fadmin", "x"])
def test_unknown_apps_and_paths_are_not_found(stack: Stack, path: str) -> None:
    """404 and nothing else."""
    base = stack.outputs.callback_url.removesuffix("/callback")

    assert httpx.codes.NOT_FOUND == httpx.get(f"{base}/{path}?code=c&state=s", timeout=60).status_code


@fault("C10")
def test_one_apps_state_is_worthless_on_anothers_path(stack: Stack, browser: Browser) -> None:
    """App A's state on app B's path: 400, and B's provider is never called."""
    other = stack.add_app("other-shop")

    answer = browser.get(callback(stack, f"code=c&state={quote(browser.state)}", app="other-shop"))
    assert httpx.codes.BAD_REQUEST == answer.status_code
    assert [] == other.entries()


@fault("C11")
@pytest.mark.parametrize("name", ["return_to", "redirect_uri", "next", "url", "continue", "goto", "RelayState"])
def test_nothing_in_a_query_chooses_where_a_browser_goes(
    stack: Stack, browser: Browser, sandbox: Sandbox, name: str
) -> None:
    """Whatever a link adds, the browser goes to the provider, and back to our own result page."""
    away = Browser(stack, APP, sandbox).get(f"{stack.invite(APP)}&{name}=//evil.example")
    back = browser.get(callback(stack, f"error=access_denied&{name}=//evil.example&state={quote(browser.state)}"))

    assert away.headers["location"].startswith(f"{sandbox.url}/tiktok_shop/open/authorize?")
    assert "evil" not in away.headers["location"]
    assert f"/connect/{APP}/result" == back.headers["location"]


@fault("C12")
@pytest.mark.parametrize("fault", ["fail_before", "reset", "drop_after_commit"])
def test_a_failing_exchange_offers_to_start_again(browser: Browser, sandbox: Sandbox, seller: str, fault: str) -> None:
    """500, a reset, an answer dropped after the commit: a page to start again from; the code is not sent again."""
    sandbox.fault("token", fault)
    location = browser.consent(seller)
    browser.get(location)
    browser.get(location)

    page = browser.result().text
    assert "could not be connected" in page
    assert 'id="again"' in page
    assert 1 == len(sandbox.entries(account=seller, kind="code"))


@fault("C13")
def test_another_account_than_invited_is_quarantined(stack: Stack, sandbox: Sandbox) -> None:
    """The wrong account is set apart; the old secret stays byte-identical."""
    right, wrong = sandbox.sellers(2)
    name = stack.connect(APP, sandbox, right)
    secret_name = token_secret_name(stack.outputs.secret_prefix, name)
    before = stack.secrets.get_secret_value(SecretId=secret_name)
    browser = Browser(stack, APP, sandbox)
    browser.connect(stack.invite(APP, for_account=right))
    browser.get(browser.consent(wrong))
    after = stack.secrets.get_secret_value(SecretId=secret_name)

    assert "This is another account" in browser.result().text
    assert (before["SecretString"], before["VersionId"]) == (after["SecretString"], after["VersionId"])
    assert Status.QUARANTINED == stack.stored(ConnectionName(APP, wrong)).status


@fault("C14")
def test_a_secret_that_is_not_ours_is_not_overwritten(stack: Stack, sandbox: Sandbox, seller: str) -> None:
    """IAM and the tag keep the stack from writing somebody else's secret."""
    name = ConnectionName(APP, seller)
    secret_name = token_secret_name(stack.outputs.secret_prefix, name)
    stack.secrets.create_secret(Name=secret_name, SecretString="mine")
    browser = Browser(stack, APP, sandbox)
    browser.connect(stack.invite(APP))
    browser.get(browser.consent(seller))

    assert "mine" == stack.secrets.get_secret_value(SecretId=secret_name)["SecretString"]
    assert Status.ORPHANED == stack.stored(name).status


@fault("C15")
@pytest.mark.parametrize("query", ["", "?invite=", "?invite=x.y", "?invite=%C3%A9.x"])
def test_a_forged_invite_is_refused(stack: Stack, query: str) -> None:
    """403, and the page says whom to ask."""
    answer = httpx.get(f"{stack.outputs.connect_url}/{APP}{query}", timeout=60)

    assert httpx.codes.FORBIDDEN == answer.status_code
    assert "Ask the person who sent it" in answer.text


@fault("C15")
def test_an_invite_expires_and_is_used_up(stack: Stack, sandbox: Sandbox, seller: str) -> None:
    """After its time, and after a connection stands through it, an invite is worth nothing."""
    url = stack.invite(APP)
    browser = Browser(stack, APP, sandbox)
    browser.connect(url)
    browser.get(browser.consent(seller))

    assert httpx.codes.FORBIDDEN == Browser(stack, APP, sandbox).get(url).status_code
    assert httpx.codes.FORBIDDEN == Browser(stack, APP, sandbox).get(stack.invite(APP, expires_in=-1)).status_code


@fault("C15", "C4")
def test_four_slow_consents_of_one_link_make_one_connection(stack: Stack, sandbox: Sandbox) -> None:
    """While the provider takes its time, the others are told that the link is in use; afterwards that it was used."""
    url, sellers = stack.invite(APP), sandbox.sellers(4)
    browsers = [Browser(stack, APP, sandbox) for _ in sellers]
    assert [httpx.codes.FOUND] * 4 == [browser.connect(url).status_code for browser in browsers]
    ways = [browser.consent(seller) for browser, seller in zip(browsers, sellers, strict=True)]
    stack.failpoint("answered", "wait")
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(browsers[0].get, ways[0])
        eventually(lambda: sandbox.entries(account=sellers[0], kind="code"))
        pages = [browser.get(way) for browser, way in zip(browsers[1:], ways[1:], strict=True)]
        stack.no_failpoint("answered")
        assert httpx.codes.SEE_OTHER == first.result().status_code

    assert [httpx.codes.CONFLICT] * 3 == [page.status_code for page in pages]
    assert all("being used right now" in page.text for page in pages)
    assert [1, 0, 0, 0] == [len(sandbox.entries(account=seller, kind="code")) for seller in sellers]
    assert "Your account is connected" in browsers[0].result().text
    late = [browser.get(way) for browser, way in zip(browsers[1:], ways[1:], strict=True)]
    assert [httpx.codes.FORBIDDEN] * 3 == [page.status_code for page in late]
    assert all("was used already" in page.text and sellers[0] not in page.text for page in late)
    connected = {record.name.account for record in stack.connections.list(APP)}
    assert {sellers[0]} == connected & set(sellers)


@fault("C15")
def test_a_callback_that_is_killed_with_the_link_in_its_hand(stack: Stack, sandbox: Sandbox) -> None:
    """What it stored becomes the one connection, although another seller came back before that."""
    url, (first, second) = stack.invite(APP), sandbox.sellers(2)
    dying, other = Browser(stack, APP, sandbox), Browser(stack, APP, sandbox)
    for browser in (dying, other):
        browser.connect(url)
    ways = dying.consent(first), other.consent(second)
    stack.failpoint("exchange.held")
    assert dying.get(ways[0]).status_code >= httpx.codes.INTERNAL_SERVER_ERROR
    assert httpx.codes.CONFLICT == other.get(ways[1]).status_code
    stack.soon(lambda: "Your account is connected" in dying.result().text)

    assert httpx.codes.FORBIDDEN == other.get(ways[1]).status_code
    assert [1, 0] == [len(sandbox.entries(account=seller, kind="code")) for seller in (first, second)]


@fault("C15")
def test_invites_are_revoked_by_command(stack: Stack, sandbox: Sandbox, seller: str) -> None:
    """One by its id; all at once, in warm functions too, whoever is on a consent page; a new one works."""
    one, two = (stack.command("invite", APP).told for _ in range(2))
    assert {"id": one["id"], "app": APP, "state": "revoked"} == stack.command("invite", "revoke", one["id"]).told
    away = Browser(stack, APP, sandbox)
    refused = Browser(stack, APP, sandbox).get(one["url"])
    assert (httpx.codes.FORBIDDEN, True) == (refused.status_code, "does not work any more" in refused.text)
    assert httpx.codes.FOUND == away.connect(two["url"]).status_code
    way = away.consent(seller)
    stack.command("invites", "revoke", "--all", "--yes")

    assert httpx.codes.FORBIDDEN == Browser(stack, APP, sandbox).get(two["url"]).status_code
    assert httpx.codes.BAD_REQUEST == away.get(way).status_code
    assert [] == sandbox.entries(account=seller, kind="code")
    again = stack.command("invite", APP).told
    opens = partial(httpx.get, again["url"], timeout=60)
    with ThreadPoolExecutor(8) as pool:  # each warm function sees the new key within half a minute
        eventually(lambda: {httpx.codes.FOUND} == {page.status_code for page in pool.map(lambda _: opens(), range(8))})


def test_a_wrong_client_secret_at_a_first_exchange_pauses_nothing(stack: Stack) -> None:
    """The provider refuses the app's own credentials: its owner is alerted, and the next seller may try."""
    sandbox = stack.add_app("wrong-secret")
    sandbox.call(
        "POST",
        "apps",
        provider="tiktok_shop",
        app_key=sandbox.app_key,
        app_secret="another",
        service_id=sandbox.service_id,
    )
    browser = Browser(stack, "wrong-secret", sandbox)
    browser.connect(stack.invite("wrong-secret"))
    browser.get(browser.consent(sandbox.sellers(1)[0]))

    state = stack.apps.state("wrong-secret")
    assert ("", 1, True) == (state.paused, len(state.misconfigured), bool(state.credentials_refused))
    again = Browser(stack, "wrong-secret", sandbox).connect(stack.invite("wrong-secret"))
    assert again.is_redirect


@fault("D canaries")
def test_no_secret_leaves_the_ciphertext(stack: Stack, sandbox: Sandbox, seller: str) -> None:
    """No code, token or client secret is in the table, the logs or a secret's name, in any spelling."""
    name = stack.connect(APP, sandbox, seller)
    stack.refresh(name)
    sandbox.fault("refresh", "mangle", how="html")
    stack.refresh(name)
    for brought in (f"{CANARY}-brought", f"{CANARY}-\u00e4"):  # one that is refused, one that is no token
        told = stack.ask("import", app=APP, account="brought", refresh_token=brought)
        assert CANARY not in json.dumps(told)
    for command in ("verify", "revoke", "remove"):
        stack.ask(command, ConnectionName(APP, "brought"), local=True)

    assert CANARY in stack.document(name)["access_token"]
    assert [] == leaked(stack, (CANARY, sandbox.app_secret))
