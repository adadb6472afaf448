"""`deploy`: the stack on AWS, from six questions or from options alone."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from tokensync.domain.command_line import CommandLine, typed
from tokensync.domain.visible import Line
from tokensync_cli.commands.run import Run
from tokensync_cli.output.failures import UsageFailed
from tokensync_cli.stack.parameters import Parameter, parameters_of
from tokensync_cli.stack.target import Choice

if TYPE_CHECKING:
    from tokensync_cli.stack.samconfig import Told

_STACK = Parameter(
    name="--stack",
    default="tokensync",
    description="Name of the stack. It begins the names of all secrets, for ever",
    pattern=r"[A-Za-z][-A-Za-z0-9]{0,127}",
    takes="letters, digits and hyphens, a letter first, at most 128",
)
_REGION = Parameter(
    name="--region",
    default="us-east-1",
    description="AWS Region",
    pattern=r"[a-z]{2,4}(-[a-z]+)+-\d",
    takes="a Region, such as eu-central-1",
)
_PROFILE = Parameter(
    name="--profile",
    default="",
    description="AWS profile. Empty: the credentials of your environment",
    pattern=r"[^\x00-\x1f]*",
    takes="the name of a profile",
)
# Parameters of the template that are asked for, and how; the others are set by --parameter.
_ASKED = {
    "AlertEmail": "Address that gets alerts by mail; AWS asks it to confirm. Empty: nobody",
    "PublicUrl": "Your own domain for links, as https://HOST. Empty: the address that AWS gives",
    "Architecture": "Processor of the functions, arm64 or x86_64",
}

AlertEmail = Annotated[str | None, typer.Option("--alert-email", metavar="ADDRESS", help="Gets alerts by mail.")]
PublicUrl = Annotated[str | None, typer.Option("--public-url", metavar="URL", help="Your own domain for links.")]
Architecture = Annotated[str | None, typer.Option("--architecture", help="Processor: arm64 (default) or x86_64.")]
Others = Annotated[
    list[str] | None, typer.Option("--parameter", metavar="NAME=VALUE", help="Another parameter of the template.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Ask nothing: take what was told before, or the defaults.")]


def deploy(
    run: Run,
    *,
    alert_email: AlertEmail = None,
    public_url: PublicUrl = None,
    architecture: Architecture = None,
    parameter: Others = None,
    yes: Yes = False,
) -> None:
    """Deploy the stack to AWS, or update it: asks, shows what will change, asks again.

    Answers are kept in samconfig.toml of this directory, which `sam deploy` reads too. Needs AWS credentials.
    """
    from tokensync_cli.stack import samconfig  # noqa: PLC0415 - its library is slow to load, and `--help` needs none

    if not yes and not run.is_interactive():
        raise UsageFailed("Nobody is here to answer.", next_command=Line("tokensync deploy --yes, with options"))
    project = run.embedded.project()
    known = parameters_of(project.root / "template.yaml")
    file = project.home / samconfig.FILE
    before = samconfig.read(file)
    given = _given(known, parameter or (), AlertEmail=alert_email, PublicUrl=public_url, Architecture=architecture)
    answered = _asker(yes=yes)
    told = samconfig.Told(
        profile=answered(_PROFILE, run.choice.profile, before.profile),
        region=answered(_REGION, run.choice.region, before.region or _region_of_the_environment()),
        stack_name=answered(_STACK, run.choice.stack, before.stack_name),
        parameters={
            **{name: value for name, value in before.parameters.items() if name in known},
            **given,
            **{
                name: answered(replace(known[name], description=words), given.get(name), before.parameters.get(name))
                for name, words in _ASKED.items()
            },
        },
    )
    deployment = run.deployments(project, told)
    run.out.say(f"Deploying {deployment.check()}")
    for name, value in told.parameters.items():
        if name not in _ASKED and name not in given and value != known[name].default:
            # Nobody was asked about it, and CloudFormation's change set shows no parameter.
            run.out.say(f"With {name}={value}, as {samconfig.FILE} says")
    samconfig.write(file, told, template=project.root / samconfig.FILE)
    with run.out.progress("Building, with the locked SAM CLI"):
        deployment.build()
    deployment.deploy(ask=not yes)
    _print(run, told)


def _print(run: Run, told: "Told") -> None:
    """Say the new stack's addresses, and what comes next."""
    found = run.opener.deployed(Choice(stack=told.stack_name, profile=told.profile or None, region=told.region)).outputs
    run.out.fields(
        {
            "stack": found.stack,
            "Region": found.region,
            "connect": f"{found.connect_url}/APP",
            "callback": f"{found.callback_url}/APP",
            "operators": found.operator_policy_arn,
            "workloads": found.consumer_policy_arn,
        },
        found.as_json(),
    )
    first = typed("tokensync app add tiktok-shop --provider tiktok_shop --client-id KEY --service-id ID")
    run.out.note("Next: register your first app; `tokensync provider list` says with whom. For TikTok Shop:")
    run.out.note(str(_there(first, told)))


def _there(command: CommandLine, told: "Told") -> CommandLine:
    """Return a command of ours as it is typed for the stack that was deployed."""
    program, *words = command.words
    profile = ("--profile", told.profile) if told.profile else ()
    return CommandLine((program, "--stack", told.stack_name, "--region", told.region, *profile, *words))


def _given(known: Mapping[str, Parameter], others: list[str] | tuple[()], **named: str | None) -> dict[str, str]:
    """Return the parameters that options name.

    Raises:
        UsageFailed: the template has no such parameter, or takes no such value.
    """
    given = {name: value for name, value in named.items() if value is not None}
    for pair in others:
        name, equals, value = pair.partition("=")
        if not equals or name not in known:
            raise UsageFailed(
                f"--parameter takes NAME=VALUE; the template's names are {', '.join(known)}.",
                next_command=typed("tokensync deploy --help"),
            )
        given[name] = value
    for name, value in given.items():
        known[name].check(value)
    return given


def _asker(*, yes: bool) -> Callable[[Parameter, str | None, str | None], str]:
    """Return what settles one answer: the option, else the question, else what was told before, else the default."""

    def answered(question: Parameter, given: str | None, before: str | None) -> str:
        known = question.default if before is None or (before == "" and question.default) else before
        if given is not None or yes:
            settled = known if given is None else given
            question.check(settled)
            return settled
        return str(typer.prompt(question.description, default=known, value_proc=_checked(question), err=True))

    return answered


def _checked(question: Parameter) -> Callable[[str], str]:
    """Return what takes an answer, or has the question asked again."""

    def check(answer: str) -> str:
        try:
            question.check(answer.strip())
        except UsageFailed as refused:
            raise typer.BadParameter(refused.message) from None
        return answer.strip()

    return check


def _region_of_the_environment() -> str:
    # The AWS CLI's order: AWS_REGION first.
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or ""
