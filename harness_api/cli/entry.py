"""Where the command begins and ends: one boundary turns whatever happens into words, one JSON document and an exit code."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness_api.cli.console import Console, hold_standard_streams
from harness_api.cli.exits import Exit
from harness_api.cli.stopping import Stopped, hear_no_more, raise_on_signals
from harness_core.domain.errors import HarnessError, UsageError

if TYPE_CHECKING:
    import typer


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with ``arguments`` (those of the process by default) and return its exit code."""
    hold_standard_streams()
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = given[: given.index("--")] if "--" in given else given
    console = Console(json_wanted="--json" in options)
    code = _stoppable(given, console)
    hear_no_more()
    console.finish(Exit(code).as_dict())
    return int(code)


def _stoppable(arguments: list[str], console: Console) -> Exit:
    try:
        raise_on_signals()
        return _guarded(arguments, console)
    except Stopped as stopped:
        from harness_api.cli.failures import interrupted

        return interrupted(console, stopped.exit)


def _guarded(arguments: list[str], console: Console) -> Exit:
    import typer

    from harness_api.cli.failures import interrupted, tell, unexpected
    from harness_api.cli.session import Session

    session = Session(console)
    try:
        from harness_api.cli.application import app

        _check_current_folder()
        return Exit(app(args=arguments, standalone_mode=False, prog_name="harness", obj=session) or Exit.OK)
    except typer.TyperException as refused:
        return tell(console, usage_error(refused))
    except HarnessError as error:
        return tell(console, error, verbose=console.verbose)
    except typer.Abort:
        return interrupted(console, Exit.INTERRUPTED)
    except BrokenPipeError:
        return Exit.OK
    except SystemExit as ended:
        return Exit(ended.code if isinstance(ended.code, int) and ended.code in set(Exit) else Exit.INTERNAL_ERROR)
    except Exception as failure:
        return unexpected(console, failure, session.home)


def _check_current_folder() -> None:
    """Raises UsageError where there is none: every path that was given would mean nothing."""
    try:
        Path.cwd()
    except OSError as reason:
        raise UsageError(
            "no_current_folder", "The current folder is no longer there.",
            why="It was deleted or moved while this shell stood in it.",
            next_step="Change to a folder that is there with `cd`, then try again.",
        ) from reason  # fmt: skip


def usage_error(refused: "typer.TyperException") -> UsageError:
    """What the parser refused, in our three lines."""
    path = getattr(getattr(refused, "ctx", None), "command_path", "harness")
    sentence = " ".join(refused.format_message().replace("Value error, ", "").split())
    return UsageError(
        "usage",
        "The command line cannot be understood.",
        why=sentence if sentence.endswith(("?", ".")) else f"{sentence}.",
        next_step=f"See `{path} --help`.",
    )
