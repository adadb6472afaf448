"""Least privilege, proved by the embedded stack's enforcement: take any one action away, and something real breaks.

Each action that a function's own code uses has a scenario that needs it. Without the action the scenario must fail;
with every action, on the same stack, it must succeed. The stack's own schedule and poller rest, so that whatever comes
of a message comes at once or never.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from permissions import KEY, OWN

from canary import hears_alerts
from fault_rows import fault
from faults.polling import Letter, at_rest, batch
from stack import Browser, Sandbox, Stack, eventually
from tokensync.authorize.links import browser_of
from tokensync.aws.items import aside_key
from tokensync.domain.authorization import PLACES
from tokensync.domain.connection import Status
from tokensync.domain.names import ConnectionName
from tokensync.domain.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

APP = "permission-shop"
HEARD = 4.0  # seconds in which an alert arrives
# On AWS the first allows both calls; the embedded AWS takes the second for an action of its own.
_TOGETHER = {"sqs:SendMessage": {"sqs:SendMessage", "sqs:SendMessageBatch"}}
# What a warm function keeps for a while: it has to start anew to miss the right to read it.
_KEPT = {"dynamodb:DescribeTable", "secretsmanager:GetSecretValue", "kms:GenerateDataKey", "kms:Decrypt"}
_FUNCTIONS = {"CallbackRole": "callback_function", "RotationRole": "rotation_function"}


@pytest.fixture(scope="module")
def sandbox(stack: Stack) -> Sandbox:
    """An app whose tokens the schedule leaves alone."""
    return stack.add_app(APP, access_token_seconds=36_000)


@pytest.fixture(scope="module")
def alerts(stack: Stack) -> str:
    """A queue that hears the alert topic; its URL."""
    return hears_alerts(stack)


class Scenarios:
    """What each action is there for. Every scenario tells whether it worked."""

    def __init__(self, stack: Stack, sandbox: Sandbox, alerts: str) -> None:
        self.stack = stack
        self.sandbox = sandbox
        self.alerts = alerts

    def seller(self) -> str:
        """Return a new seller."""
        return self.sandbox.sellers(1)[0]

    def walk(self, seller: str, *, for_account: str = "") -> Browser:
        """Let a seller walk the whole way, wherever it ends."""
        browser = Browser(self.stack, APP, self.sandbox)
        if browser.connect(self.stack.invite(APP, for_account=for_account)).status_code == httpx.codes.FOUND:
            browser.get(browser.consent(seller))
        return browser

    def published(self, name: ConnectionName) -> int:
        """Return the generation that the secret holds, 0 without a secret."""
        try:
            return int(self.stack.document(name)["generation"])
        except (
            self.stack.secrets.exceptions.ResourceNotFoundException,
            self.stack.secrets.exceptions.InvalidRequestException,  # scheduled for deletion
            KeyError,
        ):
            return 0

    def connects(self) -> bool:
        """A seller connects, sees it, and the secret is there at once."""
        seller = self.seller()
        shown = self.walk(seller).result().text
        return "Your account is connected" in shown and self.published(ConnectionName(APP, seller)) == 1

    def gives_way(self) -> bool:
        """A link that is opened once too often keeps no more authorizations than it has places for a browser."""
        browser, invite = Browser(self.stack, APP, self.sandbox), self.stack.invite(APP)
        pages = [browser.connect(invite) for _ in range(PLACES + 1)]
        secret = Secret(browser.cookie.partition("=")[2].partition(".")[0])
        kept = self.stack.authorizations.of_browser(APP, browser_of(secret))
        return all(page.is_redirect for page in pages) and len(kept) == PLACES

    def reconnects(self) -> bool:
        """A second authorization writes the secret that is there already."""
        seller = self.seller()
        self.walk(seller)
        self.walk(seller, for_account=seller)
        return self.published(ConnectionName(APP, seller)) == 2

    def writes_a_secret_of_ours(self) -> bool:
        """A secret that stands without the record knowing of it is recognised as ours, and written."""
        name = self.connected()
        record = self.stack.stored(name)
        self.stack.connections.write(record, replace(record, published=None))
        self.walk(name.account, for_account=name.account)
        return self.published(name) == 2

    def queues_a_comparison(self) -> bool:
        """A callback that lost its fence queues the connection, and the rotation publishes the newest grant."""
        name = self.connected()
        self.stack.failpoint("published", "wait")
        walking = threading.Thread(target=self.walk, args=(name.account,), kwargs={"for_account": name.account})
        walking.start()
        eventually(lambda: self.published(name) == 2)
        now = int(time.time())
        self.stack.connections.lease(name, now=now + 99_999, until=now - 1, even_if_not_due=True)
        self.stack.no_failpoint("published")
        walking.join()
        messages = self.taken(self.stack.outputs.queue_url)
        self.deliver(*(message["Body"] for message in messages if str(name) in message["Body"]))
        published = self.stack.stored(name).published
        return published is not None and published.generation == 2

    def taken(self, queue: str) -> list[dict[str, Any]]:
        """Take all that lies in a queue."""
        sqs, taken = self.stack.client("sqs"), list[dict[str, Any]]()
        while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
            taken += messages
        return taken

    def deliver(self, *bodies: str) -> None:
        """Hand messages to the rotation function, as its poller does."""
        letters = [Letter(uuid.uuid4().hex, body) for body in bodies]
        self.stack.invoke(self.stack.outputs.rotation_function, batch(letters))

    def alerts_of_a_quarantine(self) -> bool:
        """The wrong account's alert reaches the topic's subscribers."""
        right = self.connected().account
        wrong = self.seller()
        self.walk(wrong, for_account=right)
        return self.heard(wrong)

    def connected(self) -> ConnectionName:
        """Return a new connection; what it needs has to be allowed."""
        return self.stack.connect(APP, self.sandbox, self.seller())

    def heard(self, text: str) -> bool:
        """Return whether an alert that names this text arrives soon."""
        end = time.monotonic() + HEARD
        while time.monotonic() < end:
            if any(text in message["Body"] for message in self.taken(self.alerts)):
                return True
            time.sleep(0.2)
        return False

    def refreshes(self) -> bool:
        """A refresh on demand ends with a new token in the secret."""
        name = self.connected()
        return self.stack.refresh(name).get("ok") is True and self.published(name) == 2

    def keeps_an_unreadable_answer(self) -> bool:
        """Bytes that nobody can read are set aside."""
        name = self.connected()
        fence = self.stack.stored(name).fence
        self.sandbox.fault("refresh", "mangle", how="html")
        self.stack.refresh(name)
        return self.stack.table.get(aside_key(name, fence + 1)) is not None

    def refused(self) -> ConnectionName:
        """Return a connection whose seller withdrew it: final the second time where no other is, which is counted."""
        sandbox = self.stack.add_app(app := f"small-{uuid.uuid4().hex[:8]}")
        name = self.stack.connect(app, sandbox, sandbox.sellers(1)[0])
        sandbox.call("POST", "revoke", provider="tiktok_shop", app=sandbox.app_key, account=name.account)
        for force in (False, True):
            self.stack.refresh(name, force=force)
        return name

    def asks_a_refused_seller_back(self) -> bool:
        """A refusal stands on the record."""
        return self.stack.stored(self.refused()).status is Status.REAUTHORIZE

    def alerts_of_a_refusal(self) -> bool:
        """The alert that a seller has to come back reaches the topic's subscribers."""
        return self.heard(self.refused().account)

    def creates_a_missing_secret(self) -> bool:
        """A grant whose callback could not publish is published by the rotation."""
        name = self.connected()
        record = self.stack.stored(name)
        assert record.published is not None
        self.stack.secrets.delete_secret(SecretId=record.published.arn, ForceDeleteWithoutRecovery=True)
        self.stack.connections.write(record, replace(record, published=None))
        self.stack.refresh(name)
        return self.published(name) == 2

    def removed(self) -> ConnectionName:
        """Return a connection that an operator removed; what that needs has to be allowed."""
        name = self.connected()
        assert self.stack.ask("remove", name)["ok"] is True
        return name

    def restores_for_its_seller(self) -> bool:
        """A seller whose connection was removed comes back, and the old secret with them."""
        name = self.removed()
        self.walk(name.account)
        return self.published(name) == 2

    def restores_on_demand(self) -> bool:
        """An operator gives an orphaned connection its deleted secret back."""
        name = self.connected()
        published = self.stack.stored(name).published
        assert published is not None
        self.stack.secrets.delete_secret(SecretId=published.arn)
        assert self.stack.refresh(name)["result"] == "orphaned"
        return self.stack.ask("publish", name).get("ok") is True and self.published(name) == 2

    def removes(self) -> bool:
        """The secret of a removed connection is scheduled for deletion."""
        name = self.connected()
        published = self.stack.stored(name).published
        assert published is not None
        self.stack.ask("remove", name)
        return "DeletedDate" in self.stack.secrets.describe_secret(SecretId=published.arn)

    def compares(self) -> bool:
        """A secret that somebody else overwrote is made equal to its grant again."""
        name = self.connected()
        published = self.stack.stored(name).published
        assert published is not None
        self.stack.secrets.put_secret_value(SecretId=published.arn, SecretString='{"generation": 99}')
        self.deliver(json.dumps({"connection": str(name), "compare": True}))
        return self.published(name) == 1

    def recovers(self) -> bool:
        """A dead letter is taken up again, and is one no more."""
        name = self.connected()
        sqs, url = self.stack.client("sqs"), self.stack.outputs.dead_letter_queue_url
        sqs.purge_queue(QueueUrl=url)
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"connection": str(name)}))
        told = self.stack.ask("recover", name)
        counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        left = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"]
        sqs.purge_queue(QueueUrl=url)
        return told.get("ok") is True and sum(map(int, left.values())) == 0

    def ticks(self) -> bool:
        """What is due is found and queued."""
        name = self.connected()
        assert self.stack.connections.request_refresh(name, generation=1, now=int(time.time()))
        told = self.stack.tick()
        return told.get("ok") is True and told["due"] == told["queued"] >= 1


NEEDED_BY: dict[tuple[str, str, str], str] = {
    ("CallbackRole", "dynamodb:DeleteItem", "Table.Arn"): "gives_way",
    ("CallbackRole", "dynamodb:DescribeTable", "Table.Arn"): "connects",
    ("CallbackRole", "dynamodb:GetItem", "Table.Arn"): "connects",
    ("CallbackRole", "dynamodb:PutItem", "Table.Arn"): "connects",
    ("CallbackRole", "dynamodb:Query", "Table.Arn"): "connects",
    ("CallbackRole", "dynamodb:UpdateItem", "Table.Arn"): "connects",
    ("CallbackRole", "secretsmanager:GetSecretValue", "InviteKey.Id"): "connects",
    ("CallbackRole", "secretsmanager:GetSecretValue", "secret:${AWS::StackName}/apps/*"): "connects",
    ("CallbackRole", "secretsmanager:CreateSecret", "secret:${AWS::StackName}/tokens/*"): "connects",
    ("CallbackRole", "secretsmanager:PutSecretValue", "secret:${AWS::StackName}/tokens/*"): "reconnects",
    ("CallbackRole", "secretsmanager:DescribeSecret", "secret:${AWS::StackName}/tokens/*"): "writes_a_secret_of_ours",
    ("CallbackRole", "secretsmanager:RestoreSecret", "secret:${AWS::StackName}/tokens/*"): "restores_for_its_seller",
    ("CallbackRole", "sqs:SendMessage", "RefreshQueue.Arn"): "queues_a_comparison",
    ("CallbackRole", "sns:Publish", "AlertTopic"): "alerts_of_a_quarantine",
    ("RotationRole", "dynamodb:DescribeTable", "Table.Arn"): "refreshes",
    ("RotationRole", "dynamodb:GetItem", "Table.Arn"): "refreshes",
    ("RotationRole", "dynamodb:PutItem", "Table.Arn"): "keeps_an_unreadable_answer",
    ("RotationRole", "dynamodb:Query", "Table.Arn"): "asks_a_refused_seller_back",
    ("RotationRole", "dynamodb:UpdateItem", "Table.Arn"): "refreshes",
    ("RotationRole", "dynamodb:Query", "${Table.Arn}/index/due"): "ticks",
    ("RotationRole", "secretsmanager:GetSecretValue", "secret:${AWS::StackName}/apps/*"): "refreshes",
    ("RotationRole", "secretsmanager:CreateSecret", "secret:${AWS::StackName}/tokens/*"): "creates_a_missing_secret",
    ("RotationRole", "secretsmanager:PutSecretValue", "secret:${AWS::StackName}/tokens/*"): "refreshes",
    ("RotationRole", "secretsmanager:DescribeSecret", "secret:${AWS::StackName}/tokens/*"): "compares",
    ("RotationRole", "secretsmanager:DeleteSecret", "secret:${AWS::StackName}/tokens/*"): "removes",
    ("RotationRole", "secretsmanager:RestoreSecret", "secret:${AWS::StackName}/tokens/*"): "restores_on_demand",
    ("RotationRole", "sqs:SendMessage", "RefreshQueue.Arn"): "ticks",
    ("RotationRole", "sqs:ReceiveMessage", "DeadLetterQueue.Arn"): "recovers",
    ("RotationRole", "sqs:DeleteMessage", "DeadLetterQueue.Arn"): "recovers",
    ("RotationRole", "sns:Publish", "AlertTopic"): "alerts_of_a_refusal",
}
KEY_NEEDED_BY = {
    ("CallbackRole", "kms:GenerateDataKey"): "connects",
    ("RotationRole", "kms:GenerateDataKey"): "refreshes",
    ("RotationRole", "kms:Decrypt"): "refreshes",
}


def physical(stack: Stack, logical_id: str) -> str:
    """Return a resource's physical id."""
    described = stack.client("cloudformation").describe_stack_resources(StackName=stack.outputs.stack)
    return next(
        resource["PhysicalResourceId"]
        for resource in described["StackResources"]
        if resource["LogicalResourceId"] == logical_id
    )


@contextmanager
def without_action(stack: Stack, role: str, action: str, resource: str) -> Iterator[None]:
    """Take one action on one resource away from a role, and give it back."""
    iam = stack.client("iam")
    where: dict[str, str] = {"RoleName": physical(stack, role)}
    (name,) = iam.list_role_policies(**where)["PolicyNames"]
    document = iam.get_role_policy(**where, PolicyName=name)["PolicyDocument"]
    less = {**document, "Statement": [_without(one, action, resource) for one in document["Statement"]]}
    less["Statement"] = [statement for statement in less["Statement"] if statement["Action"]]
    assert less != document, "the deployed role never had it"
    iam.put_role_policy(**where, PolicyName=name, PolicyDocument=json.dumps(less))
    if action in _KEPT:
        stack.start_anew(getattr(stack.outputs, _FUNCTIONS[role]))
    try:
        yield
    finally:
        # What was refused is not remembered, so it works again by itself.
        iam.put_role_policy(**where, PolicyName=name, PolicyDocument=json.dumps(document))


def _without(statement: dict[str, Any], action: str, resource: str) -> dict[str, Any]:
    given = statement["Action"]
    actions = [given] if isinstance(given, str) else list(given)
    if not _matches(statement["Resource"], resource):
        return statement
    return {**statement, "Action": [one for one in actions if one not in _TOGETHER.get(action, {action})]}


def _matches(arn: str, resource: str) -> bool:
    """Return whether a deployed ARN is the template's resource."""
    shapes = {
        "Table.Arn": lambda arn: ":table/" in arn and "/index/" not in arn,
        "${Table.Arn}/index/due": lambda arn: arn.endswith("/index/due"),
        "InviteKey.Id": lambda arn: "/invite-key" in arn,
        "secret:${AWS::StackName}/apps/*": lambda arn: arn.endswith("/apps/*"),
        "secret:${AWS::StackName}/tokens/*": lambda arn: arn.endswith("/tokens/*"),
        "RefreshQueue.Arn": lambda arn: ":sqs:" in arn and "RefreshQueue" in arn,
        "DeadLetterQueue.Arn": lambda arn: ":sqs:" in arn and "DeadLetterQueue" in arn,
        "AlertTopic": lambda arn: ":sns:" in arn,
    }
    return isinstance(arn, str) and shapes[resource](arn)


@contextmanager
def without_key_action(stack: Stack, role: str, action: str) -> Iterator[None]:
    """Take one action away from a role in the grant key's policy, and give it back."""
    kms = stack.client("kms")
    key = stack.outputs.key_arn
    policy = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    document = json.loads(policy)
    role_name = physical(stack, role)
    for statement in document["Statement"]:
        if role_name in json.dumps(statement["Principal"]):
            given = statement["Action"]
            actions = [given] if isinstance(given, str) else given
            statement["Action"] = [one for one in actions if one != action]
    document["Statement"] = [statement for statement in document["Statement"] if statement["Action"]]
    assert document != json.loads(policy), "the key's policy never gave it"
    kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(document))
    stack.start_anew(getattr(stack.outputs, _FUNCTIONS[role]))
    try:
        yield
    finally:
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=policy)


@pytest.fixture(scope="module")
def scenarios(stack: Stack, sandbox: Sandbox, alerts: str) -> Iterator[Scenarios]:
    """The scenarios, on the stack."""
    with at_rest(stack):
        yield Scenarios(stack, sandbox, alerts)


def test_every_action_of_the_functions_own_code_has_a_scenario() -> None:
    """What the template's test holds as used by our code is exactly what is proved here."""
    assert {(role, *pair) for role, pairs in OWN.items() for pair in pairs} == set(NEEDED_BY)
    roles = {f"{role}.Arn": role for role in _FUNCTIONS}
    declared = {(roles[who], action) for who, actions in KEY.items() if who in roles for action in actions}
    assert declared == set(KEY_NEEDED_BY)


@fault("D IAM")
@pytest.mark.parametrize("scenario", sorted({*NEEDED_BY.values(), *KEY_NEEDED_BY.values()}))
def test_with_every_action_it_works(scenarios: Scenarios, scenario: str) -> None:
    """Each scenario works, so that it is the missing action that breaks it below."""
    assert getattr(scenarios, scenario)() is True


@fault("D IAM")
@pytest.mark.parametrize(("role", "action", "resource"), sorted(NEEDED_BY))
def test_an_action_taken_away_breaks_what_needs_it(
    stack: Stack, scenarios: Scenarios, role: str, action: str, resource: str
) -> None:
    """Without the action its scenario fails."""
    with without_action(stack, role, action, resource):
        assert getattr(scenarios, NEEDED_BY[role, action, resource])() is False


@pytest.mark.parametrize(("role", "action"), sorted(KEY_NEEDED_BY))
def test_a_key_action_taken_away_breaks_what_needs_it(
    stack: Stack, scenarios: Scenarios, role: str, action: str
) -> None:
    """The key's own policy is the only place that allows its use."""
    with without_key_action(stack, role, action):
        assert getattr(scenarios, KEY_NEEDED_BY[role, action])() is False


def test_with_every_action_back_it_works(scenarios: Scenarios) -> None:
    """Whatever was taken away was given back: the two scenarios that need the most work still."""
    assert scenarios.connects() is True
    assert scenarios.refreshes() is True
