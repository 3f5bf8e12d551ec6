"""The options that commands share, and the registration that gives every command the common ones."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from harness_api.cli.exits import Exit, Severity, Verdict
from harness_api.cli.session import Session

HomeOption = Annotated[Path | None, typer.Option("--home", metavar="DIR", help="The state folder; $HARNESS_HOME unless given.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout, everything else on stderr.", show_default=False)
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Say only what was asked for, and errors.", show_default=False)]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Say more on stderr: logs, and tracebacks of errors.", show_default=False)
]
COMMON = {
    "as_json": (JsonOption, False),
    "home": (HomeOption, None),
    "quiet": (QuietOption, False),
    "verbose": (VerboseOption, False),
}


FilesArgument = Annotated[list[Path], typer.Argument(metavar="FILE", help="The files to read.", show_default=False)]
PluginsOption = Annotated[
    str | None,
    typer.Option("--plugins", metavar="ID,...", help="Run these plugins and what they need; the planner chooses otherwise."),
]
SetOption = Annotated[
    list[str], typer.Option("--set", metavar="PLUGIN.KEY=VALUE", help="Set one setting of a plugin; may be repeated.")
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE.yaml", help="Settings per plugin, and `plugins` and `seed`; --set and --seed win over it."
    ),
]
SeedOption = Annotated[int | None, typer.Option("--seed", metavar="N", help="The run's seed; 0 derives it from the fingerprint.")]
PresetOption = Annotated[
    list[str], typer.Option("--preset", metavar="NAME", help="Settings of a preset; may be repeated, the last is the strongest.")
]
ErpOption = Annotated[
    str | None, typer.Option("--erp", metavar="NAME", help="The ERP the files come from: its settings, roles and known issues.")
]
SampleOption = Annotated[
    float | None,
    typer.Option("--sample", metavar="FRACTION", help="Read this share of the rows only; everything then says SAMPLED."),
]
AgainstOption = Annotated[
    str | None,
    typer.Option("--against", metavar="RUN", help="Compare with an earlier run's file, or `previous`: the last of this format."),
]
StrictOption = Annotated[bool, typer.Option("--strict/--best-effort", help="A partial run counts as failed (exit 3).")]
AllowPartialOption = Annotated[
    bool, typer.Option("--allow-partial", help="A partial run counts as done (exit 0).", show_default=False)
]
FailOnOption = Annotated[
    Severity | None, typer.Option("--fail-on", help="Exit 10 when all went well and a finding is at least this severe.")
]
ReuseOption = Annotated[
    bool,
    typer.Option(
        "--reuse/--force", help="Take over results with the same fingerprint; or compute anew, and also with unhealthy plugins."
    ),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Copy report.json, report.md, report.html and run_manifest.json there.")
]
TimeoutOption = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", min=0, help="Stop waiting after that long (exit 124).")
]
WaitOption = Annotated[bool, typer.Option("--wait", help="Follow the run until it ends.", show_default=False)]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run id, or its beginning.")]
RunsArgument = Annotated[list[str], typer.Argument(metavar="RUN", help="Run ids, or their beginnings.", show_default=False)]
LimitOption = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=500, help="How many at most.")]
AfterOption = Annotated[str | None, typer.Option("--after", metavar="CURSOR", help="Go on where an earlier list said `next`.")]

DaysOption = Annotated[
    float | None, typer.Option("--days", metavar="N", min=0, help="Instead of HARNESS_RETENTION_DAYS: what is older expires.")
]
GraceOption = Annotated[
    float | None,
    typer.Option("--grace-days", metavar="N", min=0, help="Instead of HARNESS_RETENTION_GRACE_DAYS: days until the files end."),
]

Body = Callable[..., Exit | None]


def group(name: str, help_: str) -> typer.Typer:
    """A group of commands, told apart by their second word."""
    return typer.Typer(name=name, help=help_, rich_markup_mode=None)


def command(app: typer.Typer, name: str) -> Callable[[Body], Body]:
    """Register ``body(session, …)`` as a command: its parameters become options, the common ones are added to them."""

    def register(body: Body) -> Body:
        own = [item for item in inspect.signature(body).parameters.values() if item.name != "session"]
        shared = [
            inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for key, (annotation, default) in COMMON.items()
        ]
        context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
        parameters = [context, *(item.replace(kind=inspect.Parameter.KEYWORD_ONLY) for item in own), *shared]

        def call(context: typer.Context, **given: Any) -> Exit | None:
            session: Session = context.obj
            take_common(session, given)
            return body(session, **given)

        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what Typer reads the options from
        call.__annotations__ = {item.name: item.annotation for item in parameters}
        call.__doc__ = body.__doc__
        app.command(name)(call)
        return body

    return register


def take_common(session: Session, given: dict[str, Any]) -> None:
    """Move the common options out of ``given`` into the session."""
    given.pop("as_json")  # seen before the parser ran, because its own errors obey it too
    session.take_common(home=given.pop("home"), quiet=given.pop("quiet"), verbose=given.pop("verbose"))


def verdict_of(strict: bool, allow_partial: bool, fail_on: Severity | None) -> Verdict:
    """Raises UsageError for options that contradict each other."""
    return Verdict(strict=strict, allow_partial=allow_partial, fail_on=fail_on)
