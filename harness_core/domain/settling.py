"""What follows from how executions ended: which may start, how their run ended, and what is worth another try."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from harness_core.domain.plugins import CONCLUDING_TYPES, PluginId, PluginType
from harness_core.domain.runs import EXECUTION_OK, EXECUTION_OPEN, Execution, ExecutionId, ExecutionStatus, RunStatus


@dataclass(frozen=True)
class Settlement:
    """What follows for the waiting executions of a run: which may start, which are skipped (and because of whom)."""

    opened: tuple[ExecutionId, ...]
    skipped: Mapping[ExecutionId, PluginId]
    idle: bool


class Step(Protocol):
    """What :func:`settle` has to know of an execution."""

    @property
    def execution_id(self) -> ExecutionId: ...
    @property
    def plugin_id(self) -> PluginId: ...
    @property
    def plugin_type(self) -> PluginType: ...
    @property
    def layer(self) -> int: ...
    @property
    def depends_on(self) -> Sequence[PluginId]: ...
    @property
    def status(self) -> ExecutionStatus: ...


AnyStep = TypeVar("AnyStep", bound=Step)


def settle(executions: Sequence[Step], already_open: Iterable[ExecutionId]) -> Settlement:
    """Decide for every PENDING execution without a job: open when all it depends on ended well, skip when one did not.

    Reports start as soon as everything before them ended, however it ended. ``idle`` says that nothing is left to wait for, so
    that the run itself must be advanced. Pure: the same executions give the same answer, whoever asks.
    """
    status = {item.plugin_id: item.status for item in executions}
    have_jobs = set(already_open)
    opened: list[ExecutionId] = []
    skipped: dict[ExecutionId, PluginId] = {}
    waiting = [item for item in executions if item.status is ExecutionStatus.PENDING and item.execution_id not in have_jobs]
    for item in sorted(waiting, key=lambda item: (item.layer, item.plugin_id)):
        needed = [(name, status.get(name, ExecutionStatus.SKIPPED)) for name in item.depends_on]
        if any(state in EXECUTION_OPEN for _, state in needed):
            continue
        broken = [name for name, state in needed if state not in EXECUTION_OK]
        if broken and item.plugin_type not in CONCLUDING_TYPES:
            skipped[item.execution_id] = broken[0]
            status[item.plugin_id] = ExecutionStatus.SKIPPED
        else:
            opened.append(item.execution_id)
    still_open = any(state in EXECUTION_OPEN for state in status.values())
    return Settlement(tuple(opened), skipped, idle=not still_open)


def longest_first(steps: Iterable[AnyStep], took_s: Mapping[PluginId, float]) -> list[AnyStep]:
    """Those that may start together, so that no long one is begun when the others are nearly through.

    ``took_s`` is what each plugin took earlier, as far as that is known; without it, what builds on the most comes first. Only
    time depends on this order.
    """
    return sorted(steps, key=lambda step: (-took_s.get(step.plugin_id, 0.0), -len(step.depends_on), step.layer, step.plugin_id))


def final_status(executions: Sequence[Execution], *, cancelled: bool, missing_required: bool = False) -> RunStatus:
    """How a run of these ended executions ended."""
    if cancelled:
        return RunStatus.CANCELLED
    if missing_required or any(item.required and not item.ok for item in executions):
        return RunStatus.FAILED
    return RunStatus.COMPLETED if all(item.ok for item in executions) else RunStatus.PARTIAL


@dataclass(frozen=True)
class Retry:
    """Try again after ``delay_s``."""

    delay_s: float


def retry_decision(ending: str, attempt: int, max_retries: int) -> Retry | None:
    """Whether an attempt that ended so is worth another: only a crash is transient; everything else would end the same way.

    Backoff doubles from half a second. ``attempt`` counts from 1.
    """
    if ending != "crashed" or attempt > max_retries:
        return None
    return Retry(delay_s=0.5 * 2 ** (attempt - 1))
