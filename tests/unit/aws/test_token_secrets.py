from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tokensync.aws.token_secrets import SecretsManagerTokens
from tokensync.domain.errors import PublishError, PublishUnavailable, QuotaReached, SecretGone, SecretNotOurs
from tokensync.domain.names import ConnectionName

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.stub import Stubber

    from tokensync.aws.clients import Clients

NAME = ConnectionName("demo", "1")
ARN = "arn:aws:secretsmanager:xx-none-1:000000000000:secret:tokensync/tokens/demo/1-abcdef"
TOKEN = "00000000-0000-0000-0000-000000000001"
OURS = [{"Key": "tokensync:stack", "Value": "tokensync"}]
LATER = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture
def tokens(clients: Clients) -> SecretsManagerTokens:
    """Return the adapter."""
    return SecretsManagerTokens(clients.secrets, prefix="tokensync", stack="tokensync")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("ResourceNotFoundException", SecretGone),
        ("InvalidRequestException", SecretGone),
        ("ResourceExistsException", PublishError),
        ("ThrottlingException", PublishUnavailable),
        ("InternalServiceError", PublishUnavailable),
        ("LimitExceededException", QuotaReached),
        ("EncryptionFailure", PublishUnavailable),
        ("DecryptionFailure", PublishUnavailable),
        ("InvalidParameterException", PublishUnavailable),
    ],
)
def test_codes_of_a_write(
    secrets: Stubber, tokens: SecretsManagerTokens, code: str, expected: type[PublishError]
) -> None:
    """Each code of PutSecretValue says what to do, and the text repeats nothing that was sent."""
    secrets.add_client_error("put_secret_value", code, "planted-token")
    with pytest.raises(PublishError) as raised:
        tokens.put(ARN, "planted-token", token=TOKEN)
    assert expected is type(raised.value)
    assert str(raised.value) == f"PutSecretValue: {code}"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"Tags": []}, SecretNotOurs),
        ("ResourceNotFoundException", SecretGone),  # it has no tag, so IAM refuses it too
        ({"Tags": OURS, "DeletedDate": LATER}, SecretGone),
        ({"Tags": OURS}, PublishUnavailable),  # something else refused it, such as a policy on its way
        ("AccessDeniedException", PublishUnavailable),
    ],
)
def test_a_refused_write(
    secrets: Stubber, tokens: SecretsManagerTokens, found: str | dict[str, object], expected: type[PublishError]
) -> None:
    """IAM's refusal has several reasons: a look at the secret tells them apart."""
    secrets.add_client_error("put_secret_value", "AccessDeniedException")
    if isinstance(found, str):
        secrets.add_client_error("describe_secret", found)
    else:
        secrets.add_response("describe_secret", {"ARN": ARN, "Name": "n", **found})
    with pytest.raises(PublishError) as raised:
        tokens.put(ARN, "x", token=TOKEN)
    assert expected is type(raised.value)


@pytest.mark.parametrize(("tags", "expected"), [(OURS, PublishUnavailable), ([], SecretNotOurs)])
def test_a_refused_restoration_of_what_is_scheduled_for_deletion(
    secrets: Stubber, tokens: SecretsManagerTokens, tags: list[dict[str, str]], expected: type[PublishError]
) -> None:
    """It is to be restored, so that its deletion explains nothing: it is not ours, or something denies it for now."""
    secrets.add_client_error("restore_secret", "AccessDeniedException")
    secrets.add_response("describe_secret", {"ARN": ARN, "Name": "n", "Tags": tags, "DeletedDate": LATER})
    with pytest.raises(PublishError) as raised:
        tokens.restore(ARN)
    assert expected is type(raised.value)


def test_what_a_creation_sends(secrets: Stubber, tokens: SecretsManagerTokens) -> None:
    """A creation carries name, token, document, and tags of names alone."""
    secrets.add_response(
        "create_secret",
        {"ARN": ARN},
        {
            "Name": "tokensync/tokens/demo/1",
            "ClientRequestToken": TOKEN,
            "SecretString": "x",
            "Description": "The access token of demo/1, written by the stack tokensync",
            "Tags": [*OURS, {"Key": "tokensync:connection", "Value": "demo/1"}],
        },
    )
    assert ARN == tokens.create(NAME, "x", token=TOKEN)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("InvalidRequestException", SecretGone),  # AWS's answer for a name that is scheduled for deletion
        ("ThrottlingException", PublishUnavailable),
    ],
)
def test_codes_of_a_creation(
    secrets: Stubber, tokens: SecretsManagerTokens, code: str, expected: type[PublishError]
) -> None:
    """Each code of CreateSecret says what to do."""
    secrets.add_client_error("create_secret", code)
    with pytest.raises(expected):
        tokens.create(NAME, "x", token=TOKEN)


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([{"Key": "tokensync:stack", "Value": "other"}], SecretNotOurs),
        (OURS, PublishUnavailable),
        ("ResourceNotFoundException", PublishUnavailable),
        ("AccessDeniedException", PublishUnavailable),
    ],
    ids=["another stack's", "ours", "absent", "not told"],
)
def test_a_refused_creation(
    secrets: Stubber, tokens: SecretsManagerTokens, found: str | list[dict[str, str]], expected: type[PublishError]
) -> None:
    """IAM sets no tag of ours on another stack's secret; where none is there, something else denies it for now."""
    secrets.add_client_error("create_secret", "AccessDeniedException")
    if isinstance(found, str):
        secrets.add_client_error("describe_secret", found)
    else:
        secrets.add_response("describe_secret", {"ARN": ARN, "Name": "n", "Tags": found})
    with pytest.raises(PublishError) as raised:
        tokens.create(NAME, "x", token=TOKEN)
    assert expected is type(raised.value)


def test_longest_names_fit_into_tags(secrets: Stubber, tokens: SecretsManagerTokens) -> None:
    """The tag of the longest app and account is within AWS's 256 characters."""
    sent: list[str] = []
    name = ConnectionName("a" * 40, "日" * 300)
    secrets.client.meta.events.register_first(
        "provide-client-params.secrets-manager.CreateSecret",
        lambda params, **_: sent.append(params["Tags"][1]["Value"]),
        unique_id="seen",
    )
    secrets.add_response("create_secret", {"ARN": ARN})
    tokens.create(name, "x", token=TOKEN)
    secrets.client.meta.events.unregister("provide-client-params.secrets-manager.CreateSecret", unique_id="seen")
    assert [True] == [len(value) <= 256 for value in sent]


def test_no_current_version(secrets: Stubber, tokens: SecretsManagerTokens) -> None:
    """A secret without a current version has none, and what cannot be seen now may be seen later."""
    secrets.add_response("describe_secret", {"ARN": ARN, "VersionIdsToStages": {TOKEN: ["AWSPENDING"]}})
    assert tokens.current_version(ARN) is None
    for code, expected in (("ThrottlingException", PublishUnavailable), ("AccessDeniedException", PublishUnavailable)):
        secrets.add_client_error("describe_secret", code)
        with pytest.raises(expected):
            tokens.current_version(ARN)


def test_whether_a_name_is_taken(secrets: Stubber, tokens: SecretsManagerTokens) -> None:
    """It is asked for by its name; what cannot be told now may be told later."""
    secrets.add_response("describe_secret", {"ARN": ARN, "DeletedDate": LATER}, {"SecretId": "tokensync/tokens/demo/1"})
    assert tokens.exists(NAME)
    secrets.add_client_error("describe_secret", "ResourceNotFoundException")
    assert not tokens.exists(NAME)
    secrets.add_client_error("describe_secret", "ThrottlingException")
    with pytest.raises(PublishUnavailable):
        tokens.exists(NAME)


CHANGES: dict[str, Callable[[SecretsManagerTokens], None]] = {
    "delete": lambda tokens: tokens.delete(ARN, days=7),
    "restore": lambda tokens: tokens.restore(ARN),
}


@pytest.mark.parametrize("operation", CHANGES)
@pytest.mark.parametrize(
    ("code", "found", "expected"),
    [
        ("ResourceNotFoundException", None, SecretGone),
        ("ThrottlingException", None, PublishUnavailable),
        ("InternalServiceError", None, PublishUnavailable),
        ("AccessDeniedException", OURS, PublishUnavailable),
        ("AccessDeniedException", [], SecretNotOurs),
    ],
)
def test_codes_of_a_deletion_and_its_return(
    secrets: Stubber,
    tokens: SecretsManagerTokens,
    operation: str,
    *,
    code: str,
    found: list[dict[str, str]] | None,
    expected: type[PublishError],
) -> None:
    """Each code of DeleteSecret and RestoreSecret says what to do; IAM's refusal asks whether the secret is ours."""
    secrets.add_client_error(f"{operation}_secret", code)
    if found is not None:
        secrets.add_response("describe_secret", {"ARN": ARN, "Name": "n", "Tags": found})
    with pytest.raises(PublishError) as raised:
        CHANGES[operation](tokens)
    assert expected is type(raised.value)


@pytest.mark.parametrize(("operation", "wanted"), [("delete", {"DeletedDate": LATER}), ("restore", {})])
def test_a_secret_in_the_wanted_state(
    secrets: Stubber, tokens: SecretsManagerTokens, operation: str, wanted: dict[str, object]
) -> None:
    """A secret that is deleted, or stands, already is as good as one that was changed now."""
    secrets.add_client_error(f"{operation}_secret", "InvalidRequestException")
    secrets.add_response("describe_secret", {"ARN": ARN, "Name": "n", "Tags": OURS, **wanted})
    CHANGES[operation](tokens)
