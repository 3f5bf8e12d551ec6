"""Every failure that a person can see: a code, what happened, why, and what to do next.

The exit code and the HTTP status belong to the class, so that the shell, the API and the pages say the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Problem:
    """One mistake in something a person wrote: the file or place, the field in it, the reason, and how to mend it."""

    where: str
    field: str
    reason: str
    remedy: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: {self.field}" if self.field else self.where
        return f"{place}: {self.reason}" + (f" ({self.remedy})" if self.remedy else "")

    def as_dict(self) -> dict[str, str]:
        return {"where": self.where, "field": self.field, "reason": self.reason, "remedy": self.remedy}


class HarnessError(Exception):
    """The parent of all failures with a sentence. ``what`` and ``why`` are sentences, ``next_step`` is what to do."""

    exit_code: ClassVar[int] = 1
    exit_name: ClassVar[str] = "internal_error"
    http_status: ClassVar[int] = 500

    def __init__(
        self, code: str, what: str, *, why: str = "", next_step: str = "", problems: Sequence[Problem] = (), **details: Any
    ) -> None:
        super().__init__(what)
        self.code, self.what, self.why, self.next_step = code, what, why, next_step
        self.problems, self.details = tuple(problems), details

    def as_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "what": self.what,
            "why": self.why,
            "next_step": self.next_step,
            "problems": [problem.as_dict() for problem in self.problems],
            **self.details,
        }


class UsageError(HarnessError):
    """An unknown option, an invalid configuration, manifest or plan; nothing was recorded as a run."""

    exit_code, exit_name, http_status = 2, "usage", 422


class NotFound(UsageError):
    """No run, dataset version, upload or plugin of that name."""

    http_status = 404


class Conflict(UsageError):
    """What was asked does not fit the state the thing is in."""

    http_status = 409


class InputRefused(HarnessError):
    """The file is unreadable, unsupported, too large or malformed; nothing was recorded as a run."""

    exit_code, exit_name, http_status = 6, "input_rejected", 422


class PolicyRefused(HarnessError):
    """A capability was denied, a plugin is unhealthy, or a bind is not loopback."""

    exit_code, exit_name, http_status = 7, "refused_by_policy", 403


class Unhealthy(HarnessError):
    """A corrupted database, a failed check, no service or no worker."""

    exit_code, exit_name, http_status = 8, "not_healthy", 503


class NotSynced(Unhealthy):
    """The disk did not confirm what was written to the state database; this process writes no more and must be started again."""


class Tampered(HarnessError):
    """Bytes that are not what the record says."""

    exit_code, exit_name, http_status = 5, "verification_failed", 409


class LeaseLost(Exception):
    """Somebody else holds the job now: whatever this attempt made is discarded. Never shown to a person."""
