"""How strong the wall around a guest is, and what it does not hold back, by name; for ``doctor`` and the audit."""

from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal


@dataclass(frozen=True)
class Residual:
    """One thing that a guest can do in spite of the wall."""

    name: str
    sentence: str


@dataclass(frozen=True)
class WallLevel:
    """``level`` A+, A: enforced by the system and proven by trials; B: a part of that is missing; C: processes and budgets only."""

    level: Literal["A+", "A", "B", "C"]
    summary: str
    controls: tuple[str, ...]
    residuals: tuple[Residual, ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@cache
def wall_level() -> WallLevel:
    """The level in force for guests of this process."""
    return WallLevel(
        level="C",
        summary="A guest is a process of its own with budgets and a scrubbed environment; the system itself enforces nothing more.",
        controls=(
            "own process and session",
            "scrubbed environment, no inherited descriptors, empty standard input",
            "budgets of time, processor time, memory and output for the whole process tree",
            "no process of the tree outlives the guest",
            "ends with the process that started it",
            "answers read strictly, logs escaped and bounded",
        ),
        residuals=(
            Residual("files", "A guest can read and write every file that the user of this service can."),
            Residual("network", "A guest can open connections."),
            Residual("processes", "A guest can start programs, and signal other processes of the same user."),
            Residual("service_memory", "A guest can look into other processes of the same user, this service among them."),
            Residual("sampled_memory", "Memory is sampled every 20 ms: a guest can take more than its budget for that long."),
            Residual("hidden_process", "A process that outlives its guest is found by its environment: not, if it shed that."),
            Residual("killed_service", "When this service is killed, guests die with it, but not what they had started."),
            Residual("disk", "What a guest writes into its scratch folder is not bounded while it runs."),
        ),
    )  # fmt: skip
