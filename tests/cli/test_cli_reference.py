"""The help of the command and the pages of its reference: complete, and the same as the code."""

import sys
from collections.abc import Callable, Sequence

import pytest
import typer

from harness_api.cli import reference
from harness_api.cli.application import app
from tests.cli.conftest import Harness

COMMANDS = dict(reference.walk(typer.main.get_command(app), "harness"))
LIGHT = {"harness_api", "harness_core", "typer", "shellingham", "pydantic", "pydantic_core", "typing_extensions"}
LIGHT |= {"annotated_doc", "annotated_types", "typing_inspection", "sitecustomize", "usercustomize"}
MOST_MODULES = 400


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


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["run", "--help"]], ids=" ".join)
def test_nothing_heavy_is_loaded_to_say_what_the_command_is(harness: Harness, arguments: Sequence[str]) -> None:
    """Help and version come at once: no engine, no server, no table library is imported, and few modules of the others."""
    answer = harness(*arguments, code="import atexit; atexit.register(lambda: sys.stderr.write(' '.join(sys.modules)))")
    assert answer.code == 0
    loaded = set(answer.err.split())
    assert "typer" in loaded
    assert len(loaded) < MOST_MODULES
    packages = {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names
    assert {name for name in packages if not name.startswith("_")} - LIGHT == set()


def test_alone_it_shows_its_help(harness: Harness) -> None:
    """Whoever types the bare word learns what there is; with --json there still is one document."""
    assert harness().out == harness("--help").out
    assert harness("--help", "--json").document["exit"]["code"] == 0
    assert harness("--json", "--version").document["version"] == "1.0.0"
