"""The help of the command and the pages of its reference: complete, and the same as the code."""

import resource
from collections.abc import Callable

import pytest
import typer

from harness_api.cli import reference
from harness_api.cli.application import app
from tests.cli.conftest import Harness

COMMANDS = dict(reference.walk(typer.main.get_command(app), "harness"))
STARTUP_CPU_S = 0.35


@pytest.mark.parametrize(("name", "page"), reference.PAGES.items(), ids=reference.PAGES.keys())
def test_the_reference_is_made_from_the_code(name: str, page: Callable[[], str]) -> None:
    """A changed option, setting or code changes its page in the same commit."""
    assert (reference.FOLDER / name).read_text(encoding="utf-8") == page(), "make it anew: python -m harness_api.cli.reference"


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_argument_and_option_is_explained(path: str) -> None:
    """Help is complete: a sentence for the command and one for each of its parameters, the common ones among them."""
    command = COMMANDS[path]
    assert (command.help or "").strip().split("\n")[0].endswith((".", ","))
    named = {name for item in command.params for name in item.opts}
    assert named >= {"--json", "--home", "--quiet", "--verbose"}
    for item in command.params:
        assert (item.help or "").strip(), f"{path}: {item.name}"


def test_version_and_help_are_quick(harness: Harness) -> None:
    """Nothing heavy is loaded to say what the command is: at most 0.35 s of processor time each."""
    assert harness("--version").out == "harness 1.0.0\n"
    for arguments in (["--help"], ["--version"], ["run", "--help"]):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert harness(*arguments).code == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < STARTUP_CPU_S


def test_alone_it_shows_its_help(harness: Harness) -> None:
    """Whoever types the bare word learns what there is; with --json there still is one document."""
    assert harness().out == harness("--help").out
    assert harness("--help", "--json").document["exit"]["code"] == 0
    assert harness("--json", "--version").document["version"] == "1.0.0"
