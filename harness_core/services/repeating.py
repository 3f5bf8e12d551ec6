"""Repeating: a run made once more from what its record says, with nothing reused, and its bytes compared with the first."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from harness_core.domain.errors import Conflict, Problem
from harness_core.domain.proofs import MANIFEST, Mismatch, difference_of
from harness_core.domain.runs import Run, RunConfig, RunId, WorkerId
from harness_core.ports.catalog import Catalog
from harness_core.ports.state import Runs
from harness_core.ports.store import Store
from harness_core.services.submitting import Submission, Submitting

VOLATILE = (MANIFEST, "stdout.log", "stderr.log")


class Repeating:
    """Asks for a run anew, and compares what came of it."""

    def __init__(self, runs: Runs, store: Store, catalog: Catalog, submitting: Submitting) -> None:
        self._runs, self._store, self._catalog, self._submitting = runs, store, catalog, submitting

    def submission(self, run: Run) -> Submission:
        """What was asked for then. Raises Conflict, naming what, where plugins, engine or settings are not those of then.

        Raises NotFound where an upload is no longer kept.
        """
        config = run.config
        asked = Submission(
            [item.upload_id for item in config.inputs], plugins=config.selection, settings=self._known(config), seed=config.seed,
            reuse=False, strict=config.strict, erp=config.erp, presets=config.presets, sample=config.sample, layered=False,
        )  # fmt: skip
        prospect = self._submitting.prospect(asked)
        if prospect.fingerprint != run.fingerprint:
            raise Conflict(
                "cannot_repeat", f"Run {run.run_id} cannot be repeated here, because what decides its bytes is not the same.",
                problems=list(_changes(config, prospect.config)),
                next_step="Install the versions named above, or submit the file again to get a new run.",
            )  # fmt: skip
        return asked

    def _known(self, config: RunConfig) -> dict[str, Mapping[str, Any]]:
        """The settings of then, of plugins that are still there; the others are told apart by their code."""
        there = self._catalog.plugins()
        return {name: values for name, values in config.settings.items() if name in there}

    def repeat(self, run: Run, worker_id: WorkerId) -> Run:
        """Record the second run, reserved for that worker."""
        return self._submitting.submit(replace(self.submission(run), reserved_for=worker_id))

    def differences(self, first: RunId, second: RunId) -> list[Mismatch]:
        """Every file that must be the same for the same fingerprint, and is not."""
        one, two = self._hashes(first), self._hashes(second)
        return [
            Mismatch(path, self._where(path, first, second), one.get(path), two.get(path))
            for path in sorted(one.keys() | two.keys())
            if one.get(path) != two.get(path)
        ]

    def _hashes(self, run_id: RunId) -> dict[str, str]:
        return {item.path: item.sha256 for item in self._runs.artifacts(run_id) if not item.path.endswith(VOLATILE)}

    def _where(self, path: str, first: RunId, second: RunId) -> str:
        """The first place in which two documents differ."""
        places = [self._store.run_folder(run_id) / path for run_id in (first, second)]
        if not all(place.is_file() for place in places):
            return "is there only once"
        if not path.endswith(".json"):
            return "differs"
        where, left, right = difference_of(*(self._store.read_json(place) for place in places))
        return f"differs at {where or 'its top'}: {left} and {right}"


def _changes(then: RunConfig, now: RunConfig) -> Iterator[Problem]:
    """What is not as it was, in words."""
    yield from _changed("engine", then.engine, now.engine)
    yield from _changed("plugin", _short(then.code), _short(now.code))
    for name in sorted(then.settings.keys() & now.settings.keys()):
        yield from _changed(f"settings of {name}", then.settings[name], now.settings[name])


def _short(code: Mapping[Any, str]) -> dict[str, str]:
    return {str(name): digest[:12] for name, digest in code.items()}


def _changed(where: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> Sequence[Problem]:
    return [
        Problem(where, name, f"then {then.get(name, 'not there')}, now {now.get(name, 'not there')}")
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]
