"""`harness evaluate`: a report held against what somebody knows to be true of its file."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from harness_api.cli.console import Console, paint
from harness_api.cli.exits import Exit
from harness_api.cli.session import Session
from harness_core.domain.errors import UsageError

if TYPE_CHECKING:
    from harness_core.domain.evaluation import Evaluation, LineVerdict
    from harness_core.domain.ground_truth import GroundTruth, Line

SubjectArgument = Annotated[
    str, typer.Argument(metavar="RUN|REPORT", help="A run id, or its beginning, or the path of a report.json or of its folder.")
]
TruthArgument = Annotated[
    Path | None,
    typer.Argument(metavar="GROUND_TRUTH.yaml", help="What the report must say and must not say.", show_default=False),
]
TemplateOption = Annotated[
    bool,
    typer.Option("--template", help="Print a ground truth made from the insights of the run, to be edited.", show_default=False),
]
MOST_UNEXPECTED = 10
Made = TypeVar("Made")


def evaluate_report(
    session: Session, subject: SubjectArgument, ground_truth: TruthArgument = None, make_template: TemplateOption = False
) -> Exit:
    """Hold a report against a ground truth: expected findings, forbidden ones, and bounds, with tolerances.

    Exit 0 when everything is met, 5 when something is not: each line that failed is shown with what comes nearest to it.
    """
    if make_template:
        return _template(session, subject, ground_truth)
    if ground_truth is None:
        raise UsageError("no_ground_truth", "There is no ground truth to hold the report against.",
                         why="Only a run was named.",
                         next_step=f"Name one, or make it: harness evaluate --template {subject} > truth.yaml")  # fmt: skip
    from harness_core.domain.evaluation import evaluate

    truth = _ground_truth(ground_truth)
    report, run_id = _report(session, subject)
    verdict = _of_report(subject, lambda: evaluate(report, truth))
    session.console.document = {
        "subject": subject, "run_id": run_id, "run_fingerprint": report["run_fingerprint"], "ground_truth": str(ground_truth),
        **verdict.as_dict(),
    }  # fmt: skip
    _tell(session.console, verdict, ground_truth)
    return Exit.OK if verdict.met else Exit.VERIFICATION_FAILED


def _template(session: Session, subject: str, ground_truth: Path | None) -> Exit:
    if ground_truth is not None:
        raise UsageError("contradicting_arguments", "--template takes a run and no ground truth.",
                         why="It prints a new one.", next_step=f"harness evaluate --template {subject} > truth.yaml")  # fmt: skip
    from harness_core.domain.ground_truth_template import template

    report, run_id = _report(session, subject)
    text = _of_report(subject, lambda: template(report))
    session.console.document = {"subject": subject, "run_id": run_id, "template": text}
    session.console.result(text.rstrip("\n"))
    return Exit.OK


def _of_report(subject: str, made: Callable[[], Made]) -> Made:
    """What is made from a report. Raises InputRefused where it has another shape than reports have."""
    from harness_core.domain.evaluation import MALFORMED
    from harness_core.services.recorded_reports import no_report

    try:
        return made()
    except MALFORMED as reason:
        raise no_report(Path(subject), f"It is not of the expected shape ({type(reason).__name__}: {reason}).") from reason


def _ground_truth(path: Path) -> "GroundTruth":
    from harness_core.domain.ground_truth import read_ground_truth
    from harness_core.services.recorded_reports import text_of

    truth, problems = read_ground_truth(text_of(path, "ground truth"), str(path))
    if truth is None:
        raise UsageError("invalid_ground_truth", f"The ground truth {path} cannot be used.", problems=problems,
                         next_step="Correct what is named above.")  # fmt: skip
    return truth


def _report(session: Session, subject: str) -> tuple[Mapping[str, Any], str | None]:
    """A file needs no state folder, and makes none."""
    from harness_core.services.recorded_reports import looks_like_a_path, recorded_report, report_at

    if looks_like_a_path(subject):
        return report_at(Path(subject)), None
    with session.core() as core:
        run = core.runs.get(subject)
        return recorded_report(core.runs, core.store, run), run.run_id


def _tell(console: Console, verdict: "Evaluation", path: Path) -> None:
    for item in (*verdict.expected, *verdict.forbidden):
        if not item.met:
            _tell_line(console, item, path)
        elif item.hint:
            console.note(f"{path}:{item.line.number}: {_about(item.line)} could not be found: {item.hint}")
    for bound in verdict.report:
        if not bound.met:
            console.complain(f"{paint('Wrong:', 'red')} report.{bound.name}: {bound.actual}, expected {bound.expected}")
    _tell_unexpected(console, verdict)
    sums = verdict.as_dict()["counts"]
    words = {"expect": "expectations met", "forbid": "forbidden findings absent", "report": "bounds kept"}
    told = ", ".join(f"{count['met']} of {count['of']} {words[key]}" for key, count in sums.items() if count["of"])
    console.result(f"{paint('Met:', 'green') if verdict.met else paint('Not met:', 'red')} {told}.")


def _tell_line(console: Console, item: "LineVerdict", path: Path) -> None:
    word = "Forbidden:" if item.line.forbids else "Too many:" if item.count > item.line.min_count else "Missing:"
    console.complain(
        f"{paint(word, 'red')} {path}:{item.line.number}: {_about(item.line)}: found {item.count}, {_wanted(item.line)}"
    )
    if item.line.note:
        console.complain(f"    {item.line.note}")
    for finding in item.matched:
        console.complain(f"    found   {finding['id']}: {finding['statement']}")
    for near in item.near:
        console.complain(f"    near    {near.finding_id}: {near.statement}")
        for difference in near.differs:
            console.complain(f"            but {difference}")
    if item.hint:
        console.complain(f"    because {item.hint}")


def _about(line: "Line") -> str:
    what = " ".join(part for part in (line.kind or "a finding", "of", line.plugin or "any plugin") if part)
    return f"{what} about {', '.join(line.columns)}" if line.columns else what


def _wanted(line: "Line") -> str:
    if line.forbids:
        return "none is allowed"
    if line.max_count is None:
        return f"at least {line.min_count} expected"
    return f"{line.min_count} to {line.max_count} expected" if line.min_count != line.max_count else f"{line.min_count} expected"


def _tell_unexpected(console: Console, verdict: "Evaluation") -> None:
    """Insights beyond what was expected are no mistake by themselves."""
    bounded = any(bound.name == "max_unexpected" and not bound.met for bound in verdict.report)
    shown: Sequence[Mapping[str, Any]] = verdict.unexpected[:MOST_UNEXPECTED]
    for item in shown if bounded or console.verbose else ():
        console.complain(f"    unexpected {item['id']}: {item['statement']}")
