"""The exit codes, the same for every command, and which of them a run deserves."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

from harness_core.domain.errors import UsageError


class Severity(StrEnum):
    """Of a finding, from worth knowing to certainly wrong."""

    INFO = "info"
    NOTICE = "notice"
    WARNING = "warning"
    CRITICAL = "critical"


SEVERITIES = tuple(Severity)


class Exit(IntEnum):
    """What the command says to the shell."""

    OK = 0
    INTERNAL_ERROR = 1
    USAGE = 2
    FAILED = 3
    PARTIAL = 4
    VERIFICATION_FAILED = 5
    INPUT_REJECTED = 6
    REFUSED_BY_POLICY = 7
    NOT_HEALTHY = 8
    CANCELLED = 9
    FINDING_AT_OR_ABOVE = 10
    TIMEOUT = 124
    INTERRUPTED = 130
    TERMINATED = 143

    def as_dict(self) -> dict[str, Any]:
        return {"code": int(self), "name": self.name.lower()}


MEANINGS = {
    Exit.OK: "Done, every planned plugin ended well.",
    Exit.INTERNAL_ERROR: "An unexpected internal error; the details are in a log whose path is printed.",
    Exit.USAGE: "An unknown option, an invalid configuration or manifest, a name that is not there; nothing was recorded as a run.",
    Exit.FAILED: "FAILED: a required step failed; the reports are written all the same. Also PARTIAL with --strict.",
    Exit.PARTIAL: "PARTIAL: done, the reports are written, some plugin did not end well.",
    Exit.VERIFICATION_FAILED: "Bytes are not what the record says, or a check against the truth failed.",
    Exit.INPUT_REJECTED: "The input is unreadable, unsupported, too large or malformed; nothing was recorded as a run.",
    Exit.REFUSED_BY_POLICY: "A capability is denied, a plugin is unhealthy, or a bind is not loopback and nobody allowed that.",
    Exit.NOT_HEALTHY: "A damaged database, a failed check, no service or no worker.",
    Exit.CANCELLED: "The run was cancelled.",
    Exit.FINDING_AT_OR_ABOVE: "Done, and there is a finding at or above the severity of --fail-on.",
    Exit.TIMEOUT: "The time of --timeout was over before the run ended.",
    Exit.INTERRUPTED: "Interrupted (SIGINT, Ctrl-C).",
    Exit.TERMINATED: "Terminated (SIGTERM).",
}


@dataclass(frozen=True)
class Verdict:
    """How the ending of a run is turned into an exit code: the options that decide it."""

    strict: bool = False
    allow_partial: bool = False
    fail_on: Severity | None = None

    def __post_init__(self) -> None:
        if self.strict and self.allow_partial:
            raise UsageError(
                "contradicting_options", "--strict and --allow-partial contradict each other.",
                why="One makes a partial run fail, the other lets it pass.", next_step="Leave one of them away.",
            )  # fmt: skip

    def exit_of(self, status: str, worst_severity: str | None) -> Exit:
        """The code of an ended run. How it ended counts first; findings decide only where it would be 0 otherwise."""
        partial = Exit.FAILED if self.strict else Exit.OK if self.allow_partial else Exit.PARTIAL
        code = {"COMPLETED": Exit.OK, "PARTIAL": partial, "CANCELLED": Exit.CANCELLED}.get(status, Exit.FAILED)
        if code is Exit.OK and self._reached(worst_severity):
            return Exit.FINDING_AT_OR_ABOVE
        return code

    def _reached(self, worst_severity: str | None) -> bool:
        if self.fail_on is None or worst_severity is None:
            return False
        return SEVERITIES.index(Severity(worst_severity)) >= SEVERITIES.index(self.fail_on)
