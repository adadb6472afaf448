from __future__ import annotations

from contextlib import nullcontext
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from fakes import FakeClock
from tokensync.aws.app_secrets import AppSecrets
from tokensync.aws.apps import CACHE_SECONDS, AwsApps
from tokensync.aws.dynamodb import Change, ConditionFailed, DynamoTable, in_notation
from tokensync.domain.app import App
from tokensync.domain.app_state import AppState, Outcomes, PauseKind
from tokensync.domain.errors import InvalidApp, StoreUnavailable, UnknownApp
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from botocore.stub import Stubber

    from tokensync.aws.clients import Clients

APP = App(name="demo", provider="tiktok_shop", client_id="id", client_secret=Secret("planted"))
ARN = "arn:aws:secretsmanager:xx-none-1:000000000000:secret:tokensync/apps/demo-abcdef"


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that the test moves."""
    return FakeClock()


@pytest.fixture
def apps(clients: Clients, clock: FakeClock) -> AwsApps:
    """Return the adapter."""
    app_secrets = AppSecrets(clients.secrets, prefix="tokensync", stack="tokensync")
    return AwsApps(app_secrets, DynamoTable(clients.dynamodb, "table"), clock)


def test_a_registration_is_read_once_a_minute(apps: AwsApps, secrets: Stubber, clock: FakeClock) -> None:
    """A batch costs one read, and a new client secret is seen when the minute is over."""
    secrets.add_response("get_secret_value", {"SecretString": APP.to_json()}, {"SecretId": "tokensync/apps/demo"})
    assert [APP] * 3 == [apps.get("demo") for _ in range(3)]
    clock.advance(CACHE_SECONDS - 1)
    assert APP == apps.get("demo")
    clock.advance(1)
    secrets.add_response("get_secret_value", {"SecretString": APP.to_json().replace("planted", "second")})
    assert Secret("second") == apps.get("demo").client_secret


def test_a_fresh_read_passes_the_copy_by(apps: AwsApps, secrets: Stubber) -> None:
    """A proof must not be made with a secret of a minute ago; what it read is what stands from then on."""
    secrets.add_response("get_secret_value", {"SecretString": APP.to_json()})
    secrets.add_response("get_secret_value", {"SecretString": APP.to_json().replace("planted", "second")})
    apps.get("demo")

    assert Secret("second") == apps.get("demo", fresh=True).client_secret
    assert Secret("second") == apps.get("demo").client_secret


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ResourceNotFoundException", UnknownApp),
        ("InvalidRequestException", UnknownApp),
        ("ThrottlingException", StoreUnavailable),
    ],
)
def test_codes_of_a_read(apps: AwsApps, secrets: Stubber, code: str, expected: type[Exception]) -> None:
    """A registration that is gone is told apart from one that cannot be read now; neither is remembered."""
    for _ in range(2):
        secrets.add_client_error("get_secret_value", code)
        with pytest.raises(expected):
            apps.get("demo")


def test_a_registration_that_cannot_be_used(apps: AwsApps, secrets: Stubber) -> None:
    """A secret that holds no text, or other text, is named and not shown."""
    for answer in ({"SecretBinary": b"planted"}, {"SecretString": "planted"}):
        secrets.add_response("get_secret_value", answer)
        with pytest.raises(InvalidApp) as raised:
            apps.get("demo")
        assert "planted" not in str(raised.value)


@pytest.mark.parametrize("ours", [True, False])
def test_a_secret_without_an_entry(apps: AwsApps, secrets: Stubber, dynamodb: Stubber, *, ours: bool) -> None:
    """A secret of a registration that ended halfway is overwritten; one that another stack made is left alone."""
    dynamodb.add_response("get_item", {})
    secrets.add_client_error("create_secret", "ResourceExistsException")
    tags = [{"Key": "tokensync:stack", "Value": "tokensync" if ours else "other"}]
    secrets.add_response("describe_secret", {"ARN": ARN, "Tags": tags})
    if ours:
        secrets.add_response("put_secret_value", {})
        dynamodb.add_response("put_item", {})
    with nullcontext() if ours else pytest.raises(InvalidApp):
        apps.register(APP)


@pytest.mark.parametrize(("value", "expected"), [("other", InvalidApp), ("tokensync", StoreUnavailable)])
def test_a_refused_registration(
    apps: AwsApps, secrets: Stubber, dynamodb: Stubber, value: str, expected: type[Exception]
) -> None:
    """IAM sets no tag of ours on another stack's secret, which is said; else a permission is lacking."""
    dynamodb.add_response("get_item", {})
    secrets.add_client_error("create_secret", "AccessDeniedException")
    secrets.add_response("describe_secret", {"ARN": ARN, "Tags": [{"Key": "tokensync:stack", "Value": value}]})
    with pytest.raises(expected):
        apps.register(APP)


def test_two_registrations_at_once(apps: AwsApps, secrets: Stubber, dynamodb: Stubber) -> None:
    """Of two operators who register one name at once, one is told."""
    dynamodb.add_response("get_item", {})
    secrets.add_response("create_secret", {})
    dynamodb.add_client_error("put_item", "ConditionalCheckFailedException")
    with pytest.raises(InvalidApp, match="somebody else"):
        apps.register(APP)


def test_a_removal_that_ended_halfway(apps: AwsApps, secrets: Stubber, dynamodb: Stubber) -> None:
    """Removing what the directory does not name removes the secret that was left; then there is nothing to remove."""
    for _ in range(2):
        dynamodb.add_response("get_item", {})
    secrets.add_response("delete_secret", {}, {"SecretId": "tokensync/apps/demo"})
    secrets.add_client_error("delete_secret", "ResourceNotFoundException")
    apps.remove("demo")
    with pytest.raises(UnknownApp):
        apps.remove("demo")


_TAGGED = [{"Key": "tokensync:stack", "Value": "tokensync"}]


def describe(secrets: Stubber, stands: str | list[dict[str, str]]) -> None:
    """Let IAM refuse a call, and DescribeSecret say what stands under the name: tags, or an error's code."""
    if isinstance(stands, str):
        secrets.add_client_error("describe_secret", stands)
    else:
        secrets.add_response("describe_secret", {"ARN": ARN, "Tags": stands}, {"SecretId": "tokensync/apps/demo"})


@pytest.mark.parametrize(
    ("stands", "expected"),
    [
        ("ResourceNotFoundException", UnknownApp),
        ([], InvalidApp),
        ([{"Key": "tokensync:stack", "Value": "another"}], InvalidApp),
        (_TAGGED, StoreUnavailable),
        ("AccessDeniedException", StoreUnavailable),
        ("ThrottlingException", StoreUnavailable),
    ],
    ids=["absent", "untagged", "another stack's", "ours", "not told", "not answered"],
)
def test_what_iam_refuses_may_be_absent(
    apps: AwsApps, secrets: Stubber, stands: str | list[dict[str, str]], expected: type[Exception]
) -> None:
    """A policy under our tag's condition denies what is absent: only a secret that is ours is truly refused."""
    secrets.add_client_error("get_secret_value", "AccessDeniedException")
    describe(secrets, stands)
    with pytest.raises(expected) as raised:
        apps.get("demo")
    is_refusal = expected is StoreUnavailable
    assert is_refusal == (str(raised.value) == "GetSecretValue: AccessDeniedException")


def test_what_is_scheduled_for_deletion_is_absent(apps: AwsApps, secrets: Stubber) -> None:
    """It keeps its tag, and is read no more."""
    secrets.add_client_error("get_secret_value", "AccessDeniedException")
    deleted = {"ARN": ARN, "Tags": _TAGGED, "DeletedDate": datetime(2026, 1, 1, tzinfo=UTC)}
    secrets.add_response("describe_secret", deleted)
    with pytest.raises(UnknownApp):
        apps.get("demo")


@pytest.mark.parametrize(
    ("stands", "fails"),
    [("ResourceNotFoundException", False), ([], False), (_TAGGED, True)],
    ids=["absent", "foreign", "ours"],
)
def test_a_removal_leaves_alone_what_is_not_ours(
    apps: AwsApps, secrets: Stubber, dynamodb: Stubber, stands: str | list[dict[str, str]], *, fails: bool
) -> None:
    """The app goes out of the directory; a secret that is absent or somebody else's is no reason to fail."""
    dynamodb.add_response("get_item", {"Item": in_notation(item())})
    dynamodb.add_response("delete_item", {})
    secrets.add_client_error("delete_secret", "AccessDeniedException")
    describe(secrets, stands)
    with pytest.raises(StoreUnavailable) if fails else nullcontext():
        apps.remove("demo")


def item(**attributes: object) -> dict[str, Any]:
    """Return the app's item as DynamoDB shows it."""
    return in_notation({"pk": "apps", "sk": "demo", "provider": "p", **attributes})


def test_a_state_that_is_never_agreed_on(apps: AwsApps, dynamodb: Stubber) -> None:
    """Noting gives up where others change the state each time before it does."""
    for number in range(10):
        changing = item(**({"paused": "x", "paused_at": number} if number % 2 else {}))
        dynamodb.add_client_error("update_item", "ConditionalCheckFailedException", modeled_fields={"Item": changing})
    with pytest.raises(StoreUnavailable):
        apps.note("demo", Outcomes(refused=frozenset("a")), seen=AppState(name="demo", provider="p"), now=1)


@pytest.mark.parametrize(
    ("why", "kind"),
    [
        ("paused by an operator", PauseKind.OPERATOR),
        ("12 of 20 refreshes refused within 10 minutes", PauseKind.REFUSED),
        ("invalid_client", PauseKind.CONFIGURATION),
    ],
)
def test_the_item_of_an_earlier_version_is_read(apps: AwsApps, dynamodb: Stubber, *, why: str, kind: PauseKind) -> None:
    """Its counters are left alone, and its pause is known by its words."""
    stored = item(schema=1, window_started=5, tried=20, refused=12, paused=why, paused_at=7, pause_mark="m")
    dynamodb.add_response("get_item", {"Item": stored})

    expected = AppState(name="demo", provider="p", paused=why, paused_kind=kind, paused_at=7)
    assert expected == apps.state("demo")


def test_a_resumption_whose_response_was_lost(apps: AwsApps) -> None:
    """boto3 asks again, and finds its own mark: the owner is still alerted."""
    seen = AppState(name="demo", provider="p", paused="x", paused_kind=PauseKind.REFUSED, paused_at=1)
    marks: list[str] = []

    def lost(_key: tuple[str, str], change: Change) -> Any:
        marks.append(str(change.set["resume_mark"]))
        raise ConditionFailed({"pk": "apps", "sk": "demo", "provider": "p", "resumed_at": 5, "resume_mark": marks[-1]})

    apps._table.update = lost  # type: ignore[method-assign]
    state, runs_again = apps.note("demo", Outcomes(succeeded={"a": 5}), seen=seen, now=5)

    assert (True, "", 1) == (runs_again, state.paused, len(marks))
