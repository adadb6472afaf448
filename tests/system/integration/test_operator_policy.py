"""The command line as operators run it: each command by a user with the operator policy alone, never as administrator.

Each command has a scenario that succeeds and one whose app, connection or secret is not there. A new command without
them fails. What the policy allows is exactly what they need: take one action away, and one of them breaks.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from permissions import OPERATOR
from typer.main import get_command

from fault_rows import fault
from operating import APP, CASES, NOT_FOUND, Desk, new
from tokensync.domain.names import ConnectionName, app_secret_name
from tokensync_cli.main import _WITHOUT_A_STACK, app
from users import User, policy_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stack import Sandbox, Stack

# It ends with 1 where it finds something, and other tests' apps are there to be found.
FINDS = "doctor"
# It is for who deploys, and asks AWS for nothing that this policy could give.
DEPLOYS = "deploy"
_ALL = [(words, number) for words, cases in CASES.items() for number in range(len(cases))]


@pytest.fixture(scope="module")
def sandbox(stack: Stack) -> Sandbox:
    """An app whose tokens the schedule leaves alone."""
    return stack.add_app(APP, access_token_seconds=36_000)


@pytest.fixture(scope="module")
def desk(stack: Stack, sandbox: Sandbox) -> Desk:
    """A user with the operator policy and nothing else."""
    return Desk(stack, sandbox, User.made(stack).attach(stack.outputs.operator_policy_arn))


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the words of every command."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name))


def test_every_command_that_speaks_to_a_stack_has_its_cases() -> None:
    """A new command is run under the policy as well, or this fails."""
    assert {*commands(get_command(app))} - _WITHOUT_A_STACK == {*CASES, FINDS, DEPLOYS}


@fault("D IAM")
@pytest.mark.parametrize(("words", "number"), _ALL, ids=[f"{words} {number}" for words, number in _ALL])
def test_a_command_under_the_operator_policy(desk: Desk, words: str, number: int) -> None:
    """It does what it is for; where something is not there it says that, and not that permission is lacking."""
    case = CASES[words][number]
    done = case.run(desk)
    error = done.told.get("class", "") if done.code and isinstance(done.told, dict) else ""

    assert (case.code, case.kind) == (done.code, error), done.stderr


def test_the_doctor_under_the_operator_policy(desk: Desk) -> None:
    """It looks at every link of the chain, an app whose secret is gone among them, and lacks no permission."""
    gone = desk.without_secret()
    found = desk.run("doctor").told

    assert {"functions", "invite key", "apps", "connections", "authorizations", "dead letters"} == {
        one["check"] for one in found
    }
    assert [] == [one for one in found if "may not" in one["message"] or "AccessDenied" in one["message"]]
    assert [f"{gone}: the secret of app {gone} is gone"] == [one["message"] for one in found if gone in one["message"]]


def test_a_removal_that_ended_half_way_is_finished_by_the_same_command(desk: Desk) -> None:
    """The app is out of the directory and its secret is not deleted: that is said, and a second run deletes it."""
    name = desk.registered()
    with without(desk, "secretsmanager:DeleteSecret", "secret:${AWS::StackName}/apps/*"):
        first = desk.run("app", "remove", name)
    second, third = desk.run("app", "remove", name), desk.run("app", "remove", name)

    assert (1, "AccessDenied") == (first.code, first.told["class"])
    assert f"{name} is registered no more, but its secret is still there." in first.told["message"]
    assert "secretsmanager:DeleteSecret" in first.told["message"]
    assert desk.stack.outputs.operator_policy_arn in first.told["message"]
    assert (0, NOT_FOUND) == (second.code, third.code)


def test_a_secret_that_is_somebody_elses_is_named_as_that(desk: Desk) -> None:
    """It has the name of one of ours and not our tag: it is neither read nor taken for absent, nor deleted."""
    name, of_token = desk.without_secret(), desk.unpublished()
    app_secret = app_secret_name(desk.stack.outputs.secret_prefix, name)
    token_secret = f"{desk.stack.outputs.secret_prefix}/tokens/{of_token}"
    for secret in (app_secret, token_secret):
        desk.stack.secrets.create_secret(Name=secret, SecretString="somebody's")
    shown, read = desk.run("app", "show", name), desk.run("token", str(of_token))

    assert (1, "InvalidApp") == (shown.code, shown.told["class"])
    assert (1, "SecretNotOurs") == (read.code, read.told["class"])
    assert 0 == desk.run("app", "remove", name).code
    assert "DeletedDate" not in desk.stack.secrets.describe_secret(SecretId=app_secret)


# What breaks without an action: a command of `CASES` by its words and number, or a link that `doctor` finds well.
_TABLE, _APPS = "Table.Arn", "secret:${AWS::StackName}/apps/*"
_TOKENS = "secret:${AWS::StackName}/tokens/*"
NEEDED_BY: dict[tuple[str, str], tuple[str, int] | str] = {
    ("cloudformation:DescribeStacks", "stack/${AWS::StackName}/*"): ("outputs", 0),
    ("lambda:InvokeFunction", "CallbackCommands"): ("paste", 0),
    ("lambda:InvokeFunction", "RotationCommands"): ("tick", 0),
    ("dynamodb:GetItem", _TABLE): ("app show", 0),
    ("dynamodb:Query", _TABLE): ("list", 0),
    ("dynamodb:PutItem", _TABLE): ("app add", 0),
    ("dynamodb:UpdateItem", _TABLE): ("app pause", 0),
    ("dynamodb:DeleteItem", _TABLE): ("app remove", 0),
    ("secretsmanager:GetSecretValue", "InviteKey.Id"): ("invite", 0),
    ("secretsmanager:PutSecretValue", "InviteKey.Id"): ("invites revoke", 2),
    ("secretsmanager:CreateSecret", _APPS): ("app add", 0),
    ("secretsmanager:DeleteSecret", _APPS): ("app remove", 0),
    ("secretsmanager:GetSecretValue", _APPS): ("app show", 0),
    ("secretsmanager:PutSecretValue", _APPS): ("app set", 0),
    ("secretsmanager:RestoreSecret", _APPS): ("app add", 1),
    ("secretsmanager:DescribeSecret", _APPS): ("app add", 1),
    ("secretsmanager:GetSecretValue", _TOKENS): ("token", 0),
    ("secretsmanager:DescribeSecret", _TOKENS): ("token", 2),
    ("sqs:GetQueueAttributes", "DeadLetterQueue.Arn"): "dead letters",
}
_ASKED_AFTER = ("secretsmanager:DescribeSecret", _TOKENS)


@contextmanager
def without(desk: Desk, action: str, resource: str) -> Iterator[None]:
    """Take one action on one resource away from the operator, and give it back."""
    arn, iam = desk.stack.outputs.operator_policy_arn, desk.stack.client("iam")
    document = policy_of(desk.stack, arn)
    less = {**document, "Statement": list(_less(document["Statement"], action, _shape(desk.stack, resource)))}
    assert less != document, "the deployed policy never gave it"
    desk.user.may(less)
    iam.detach_user_policy(UserName=desk.user.name, PolicyArn=arn)
    try:
        yield
    finally:
        desk.user.attach(arn)
        iam.delete_user_policy(UserName=desk.user.name, PolicyName="given")


def _shape(stack: Stack, resource: str) -> str:
    """Return what the deployed ARN of a template's resource holds."""
    outputs = stack.outputs
    shapes = {
        "stack/${AWS::StackName}/*": f":stack/{outputs.stack}/",
        "CallbackCommands": f":{outputs.callback_function}:operator",
        "RotationCommands": f":{outputs.rotation_function}:operator",
        _TABLE: f":table/{outputs.table}",
        "InviteKey.Id": f":secret:{outputs.invite_key_name}",
        _APPS: f":secret:{outputs.secret_prefix}/apps/",
        _TOKENS: f":secret:{outputs.secret_prefix}/tokens/",
        "DeadLetterQueue.Arn": "DeadLetterQueue",
    }
    return shapes[resource]


def _less(statements: list[dict[str, Any]], action: str, shape: str) -> Iterator[dict[str, Any]]:
    for statement in statements:
        actions, resources = _listed(statement["Action"]), _listed(statement["Resource"])
        if action not in actions:
            yield statement
            continue
        other = [one for one in actions if one != action]
        rest = [arn for arn in resources if shape not in arn]
        if other:
            yield {**statement, "Action": other}
        if rest:
            yield {**statement, "Action": action, "Resource": rest}


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_every_action_of_the_operator_policy_has_a_command() -> None:
    """What the template's test holds as used by the command line is exactly what is proved here."""
    assert OPERATOR.keys() == NEEDED_BY.keys()


@fault("D IAM")
@pytest.mark.parametrize(("action", "resource"), sorted(NEEDED_BY))
def test_an_action_taken_away_breaks_the_command_that_needs_it(desk: Desk, action: str, resource: str) -> None:
    """Without the action its command is refused, and the refusal names the action."""
    needed_by = NEEDED_BY[action, resource]
    with without(desk, action, resource):
        if isinstance(needed_by, str):
            assert not desk.doctor(needed_by)
            return
        words, number = needed_by
        done = CASES[words][number].run(desk)

    assert (1, "AccessDenied") == (done.code, done.told["class"]), done.stderr
    # Whether a token's secret is absent was asked for as it could not be read: that is what is refused.
    told = "secretsmanager:GetSecretValue" if (action, resource) == _ASKED_AFTER else action
    assert f"({told})" in done.told["message"]


def test_with_every_action_back_it_works(desk: Desk) -> None:
    """Whatever was taken away was given back."""
    assert 0 == CASES["app add"][1].run(desk).code
    assert 0 == CASES["token"][0].run(desk).code
    assert desk.doctor("dead letters")


# What the functions accept from an operator.


def refused(user: User, function: str, event: dict[str, Any]) -> bool:
    """Return whether IAM refuses this user the invocation."""
    client = user.client("lambda")
    try:
        client.invoke(FunctionName=function, Payload=json.dumps(event))
    except client.exceptions.ClientError as error:
        return bool(error.response["Error"]["Code"] == "AccessDeniedException")
    return False


def forged(stack: Stack, name: ConnectionName) -> list[tuple[str, dict[str, Any]]]:
    """Return events that claim to come from API Gateway, the queue and the clock, each with its function."""
    request = {
        "routeKey": "GET /connect/{app}/result",
        "pathParameters": {"app": APP},
        "rawQueryString": "",
        "headers": {},
        "requestContext": {"domainName": "attacker.example"},
    }
    message = {"messageId": "1", "receiptHandle": "r", "eventSource": "aws:sqs"}
    return [
        (stack.outputs.callback_function, request),
        (
            stack.outputs.rotation_function,
            {"Records": [{**message, "body": json.dumps({"connection": str(name), "compare": True})}]},
        ),
        (stack.outputs.rotation_function, {"source": "tokensync.schedule"}),
    ]


def test_an_operators_event_poses_as_nobody_elses(desk: Desk) -> None:
    """By the alias an event is a command whatever it claims; the functions themselves an operator may not invoke."""
    name = desk.connected()
    for function, event in forged(desk.stack, name):
        assert refused(desk.user, function, event)
        client = desk.user.client("lambda")
        answer = client.invoke(FunctionName=f"{function}:operator", Payload=json.dumps(event))
        assert "unknown_command" == json.loads(answer["Payload"].read())["error"]["class"]


def test_a_command_comes_by_the_alias_alone(desk: Desk) -> None:
    """Not even an administrator's command is taken by the function itself: who edits the schedule removes nothing."""
    name = desk.connected()
    event = {"tokensync": "remove", "connection": str(name)}

    assert "not_by_alias" == desk.stack.invoke(desk.stack.outputs.rotation_function, event)["error"]["class"]
    assert "not_by_alias" == desk.stack.invoke(desk.stack.outputs.callback_function, event)["error"]["class"]
    assert desk.stack.stored(name).removed_at is None


def test_an_operator_makes_no_secret_but_an_apps_with_our_tag_alone(desk: Desk) -> None:
    """Another tag beside ours, another stack's name in it, none at all, or another place: refused."""
    client, prefix = desk.user.client("secretsmanager"), desk.stack.outputs.secret_prefix
    ours = {"Key": "tokensync:stack", "Value": desk.stack.outputs.stack}
    for place, tags in [
        ("apps", [ours, {"Key": "admin", "Value": "yes"}]),
        ("apps", [{**ours, "Value": "other"}]),
        ("apps", []),
        ("tokens", [ours]),
    ]:
        with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
            client.create_secret(Name=f"{prefix}/{place}/{new()}", SecretString="x", Tags=tags)


def test_an_operator_claims_no_secret_of_another_stack(desk: Desk) -> None:
    """A tag is set on no secret that bears another stack's: it could be read and written after that."""
    client = desk.user.client("secretsmanager")
    secret, tag = f"{desk.stack.outputs.secret_prefix}/apps/{new()}", {"Key": "tokensync:stack"}
    desk.stack.secrets.create_secret(Name=secret, SecretString="x", Tags=[{**tag, "Value": "other"}])

    with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
        client.tag_resource(SecretId=secret, Tags=[{**tag, "Value": desk.stack.outputs.stack}])
