"""From a request to a recorded run: files looked at, plan and every setting resolved and checked, fingerprint computed, all before
anything runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness_core.domain.errors import PolicyRefused, Problem, UsageError
from harness_core.domain.fingerprints import resolved_seed, run_fingerprint
from harness_core.domain.formats import RawFormat
from harness_core.domain.grants import denied_to, is_enabled, kept_out, network_open_to, that_count
from harness_core.domain.plans import Plan, PlanStep, build_plan
from harness_core.domain.plugins import Plugin, PluginId
from harness_core.domain.remembered import settings_filled_from
from harness_core.domain.runs import (
    Execution,
    ExecutionId,
    ExecutionStatus,
    Input,
    Run,
    RunConfig,
    RunId,
    RunStatus,
    WorkerId,
)
from harness_core.domain.settings_layers import Origins, SettingsLayer, stack
from harness_core.domain.settings_resolution import merge, resolve_all
from harness_core.domain.suggestions import did_you_mean
from harness_core.ports.catalog import Catalog, Grants
from harness_core.ports.state import Library, Runs
from harness_core.ports.world import Bell, Clock, Names
from harness_core.sdk.canonical import digest_of
from harness_core.services.earlier_versions import EarlierVersions
from harness_core.services.guests import SEES_INPUTS
from harness_core.services.inspecting import Inspecting, choose_ingest
from harness_core.services.knowing import EARLIER_INPUTS, EarlierVersion, Knowing, Sources
from harness_core.services.plugins import Health
from harness_core.services.uploads import as_input

MAX_SEED = 2**63


@dataclass(frozen=True)
class Submission:
    """What somebody asks for. ``plugins`` None leaves the choice to the planner; ``settings`` holds only what was given.

    ``file_settings`` are those of a configuration file, which are weaker. ``layered`` False takes nothing from what is remembered:
    a run that is repeated has its settings whole. ``sample`` is the share of the rows that is read, None for all. ``against`` is an
    earlier run, or ``previous``, whose first file is appended to the inputs to be compared with.
    """

    upload_ids: Sequence[str]
    plugins: Sequence[str] | None = None
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seed: int = 0
    reuse: bool = True
    strict: bool = False
    reserved_for: WorkerId | None = None
    idempotency_key: str | None = None
    file_settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    erp: str | None = None
    presets: Sequence[str] = ()
    sample: float | None = None
    layered: bool = True
    against: str | None = None

    @property
    def share(self) -> float | None:
        """``sample`` as it is recorded: all of the rows are no sample."""
        return self.sample if self.sample != 1 else None

    def digest(self) -> str:
        asked: list[Any] = [
            list(self.upload_ids),
            self.plugins and list(self.plugins),
            dict(self.settings),
            self.seed,
            self.reuse,
            self.strict,
        ]
        more = {
            "config": dict(self.file_settings), "erp": self.erp, "presets": list(self.presets), "sample": self.sample,
            "against": self.against,
        }  # fmt: skip
        return digest_of([*asked, {key: value for key, value in more.items() if value}] if any(more.values()) else asked)


@dataclass(frozen=True)
class Prospect:
    """A run as it would be: shown before it is confirmed, recorded when it is. ``raw_format`` is None where it is new.

    ``kept_out`` says of plugins that no plan may choose why that is.
    """

    config: RunConfig
    fingerprint: str
    resolved_seed: int
    plan: Plan
    previews: Sequence[Mapping[str, Any]]
    raw_format: RawFormat | None = None
    kept_out: Mapping[PluginId, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Decided:
    """The settings of the plugins, how they came about, and what the look at the files gave.

    ``inputs`` are those asked for, with the earlier file that they are compared with.
    """

    inputs: tuple[Input, ...]
    settings: Mapping[PluginId, Mapping[str, Any]]
    origins: Origins
    layers: Sequence[Mapping[str, str]]
    previews: Sequence[Mapping[str, Any]]
    raw_format: RawFormat | None


class Submitting:
    """Records runs."""

    def __init__(
        self,
        runs: Runs,
        library: Library,
        catalog: Catalog,
        inspecting: Inspecting,
        bell: Bell,
        clock: Clock,
        names: Names,
        engine: Mapping[str, str],
        knowing: Knowing,
        grants: Grants,
        earlier: EarlierVersions,
        allow_network: bool,
        health_of: Callable[[Plugin], Health],
    ) -> None:
        self._runs, self._library, self._catalog, self._inspecting, self._knowing = runs, library, catalog, inspecting, knowing
        self._bell, self._clock, self._names, self._engine, self._grants = bell, clock, names, engine, grants
        self._earlier, self._allow_network, self._health_of = earlier, allow_network, health_of

    def submit(self, asked: Submission) -> Run:
        """Record the run and ring. Raises UsageError, InputRefused, PolicyRefused for an unhealthy plugin (nothing recorded).

        A run that takes nothing over from earlier ones (``reuse`` false) is forced: nobody is asked for their health.
        """
        prospect = self.prospect(asked)
        if asked.reuse:
            self._refuse_unhealthy(prospect)
        seen = prospect.raw_format or self._knowing.seen(prospect.previews, prospect.config.inputs[0].filename)
        run = Run(
            run_id=RunId(self._names.fresh("run")),
            status=RunStatus.QUEUED,
            fingerprint=prospect.fingerprint,
            config=replace(prospect.config, raw_format=seen.format_id if seen else ""),
            resolved_seed=prospect.resolved_seed,
            created_at=self._clock.now(),
            reserved_for=asked.reserved_for,
        )
        executions = executions_of(run, prospect.plan, self._catalog.plugins())
        recorded, rings = self._runs.create(
            run, executions, idempotency_key=asked.idempotency_key, idempotency_digest=asked.digest()
        )
        for job_id in rings:
            self._bell.ring(job_id)
        return recorded

    def _refuse_unhealthy(self, prospect: Prospect) -> None:
        """Ask the plugins that this run has, or that its planner may choose; those that offer no health cost nothing."""
        there, blocked = self._catalog.plugins(), {step.plugin_id for step in prospect.plan.steps if step.blocked}
        asked = [there[name] for name in sorted(prospect.config.code) if name not in blocked and there[name].may_have_health]
        sick = {plugin.id: health.sentence for plugin in asked if (health := self._health_of(plugin)).state == "unhealthy"}
        if sick:
            raise PolicyRefused(
                "plugin_unhealthy", f"{', '.join(sick)} {'is' if len(sick) == 1 else 'are'} unhealthy, so nothing was submitted.",
                why=" ".join(f"{name} says: {sentence}" for name, sentence in sick.items()),
                next_step=f"Mend it, or leave it out with `harness plugins disable {next(iter(sick))}`, or submit with --force.",
                problems=[Problem(name, "health", sentence) for name, sentence in sick.items()],
            )  # fmt: skip

    def prospect(self, asked: Submission) -> Prospect:
        """Everything that would be decided for this request, without recording anything; with the plugins as they are now."""
        self._catalog.refresh()
        plugins = self._catalog.plugins()
        inputs = tuple(as_input(self._library.upload(upload_id)) for upload_id in asked.upload_ids)
        self._check(asked, inputs)
        decisions = self._grants.decisions()
        out = kept_out(plugins, decisions)
        able = {name: plugin for name, plugin in plugins.items() if name not in out}
        ingest = choose_ingest(list(able.values()), inputs)
        wanted = self._wanted(asked, able, ingest)
        plan = build_plan(plugins, wanted, engine_version=self._engine["harness"], decisions=decisions)
        considered = sorted(able) if asked.plugins is None else [step.plugin_id for step in plan.steps]
        decided = self._decide(asked, inputs, able, ingest, {name: plugins[name] for name in considered})
        config = RunConfig(
            inputs=decided.inputs,
            selection=None if asked.plugins is None else tuple(PluginId(name) for name in sorted(set(asked.plugins))),
            settings=decided.settings,
            code={name: plugins[name].code_hash for name in considered},
            seed=asked.seed,
            engine=self._engine,
            reuse=asked.reuse,
            strict=asked.strict,
            sample=asked.share,
            erp=asked.erp,
            presets=tuple(asked.presets),
            raw_format=decided.raw_format.format_id if decided.raw_format else "",
            layers=tuple(decided.layers),
            origins=decided.origins,
            grants=that_count({name: plugins[name] for name in considered}, decisions),
            open_network=network_open_to({name: plugins[name] for name in considered}, decisions) if self._allow_network else (),
        )
        fingerprint = run_fingerprint(config)
        return Prospect(config, fingerprint, resolved_seed(config, fingerprint), plan, decided.previews, decided.raw_format, out)

    def _check(self, asked: Submission, inputs: Sequence[Input]) -> None:
        if not inputs:
            raise UsageError("no_input", "There is no file to read.", next_step="Name at least one file.")
        if not 0 <= asked.seed < MAX_SEED:
            raise UsageError("bad_seed", f"The seed {asked.seed} is not within 0 and 2^63 - 1.",
                             next_step="Use 0 to have it derived from the run's fingerprint.")  # fmt: skip
        if asked.sample is not None and not 0 < asked.sample <= 1:
            raise UsageError("bad_sample", f"A sample of {asked.sample:g} of the rows cannot be taken.",
                             next_step="Give a fraction above 0 and up to 1, such as 0.1.")  # fmt: skip

    def _wanted(self, asked: Submission, able: Mapping[PluginId, Plugin], ingest: Plugin | None) -> list[PluginId]:
        """The plugins to begin with, of those that are ``able`` unless named. Reports of an auto run join when it is planned."""
        if ingest is None:  # nothing can be read, so nothing is run: the report will say what is missing
            return of_type(able, "report")
        first = [ingest.id]
        if asked.plugins is None:
            return [*first, *of_type(able, "profile"), *of_type(able, "planner")[:1]]
        there = self._catalog.plugins()
        unknown = [name for name in asked.plugins if name not in there]
        if unknown:
            raise _no_such_plugin(unknown, there)
        return [*first, *(PluginId(name) for name in asked.plugins), *of_type(able, "report")]

    def _decide(
        self,
        asked: Submission,
        inputs: tuple[Input, ...],
        able: Mapping[PluginId, Plugin],
        ingest: Plugin | None,
        plugins: Mapping[PluginId, Plugin],
    ) -> _Decided:
        """Settings first without the raw format, because it takes the reader's settings to see it; then with it, and with the
        earlier file that was asked for, which may depend on it."""
        sources = Sources(inputs[0].sha256, asked.erp, asked.presets)
        raw_format: RawFormat | None = None
        while True:
            known = self._knowing.layers(sources, self._catalog.plugins(), raw_format) if asked.layered else []
            settings, origins = self._settings(asked, plugins, known)
            previews = self._looks(ingest, inputs, settings)
            if raw_format is not None or (raw_format := self._knowing.recognised(previews)) is None or not asked.layered:
                break
        if asked.against:
            format_id = raw_format.format_id if raw_format else None
            earlier = self._earlier.find(asked.against, inputs, raw_format=format_id, erp=asked.erp, sample=asked.share)
            if choose_ingest(list(able.values()), [earlier.input]) is not ingest:
                raise _other_reader(earlier, inputs[0])
            known = [*known, self._against(earlier, inputs[0], plugins)]
            inputs = (*inputs, earlier.input)
            settings, origins = self._settings(asked, plugins, known)
            previews = self._looks(ingest, inputs, settings)
        records = self._knowing.records(known, sources, raw_format) if known else []
        return _Decided(inputs, settings, origins, records, previews, raw_format)

    def _looks(
        self, ingest: Plugin | None, inputs: Sequence[Input], settings: Mapping[PluginId, Mapping[str, Any]]
    ) -> list[Mapping[str, Any]]:
        return [self._inspecting.inspect(ingest, item, settings[ingest.id]) for item in inputs] if ingest else []

    def _against(self, earlier: EarlierVersion, first: Input, plugins: Mapping[PluginId, Plugin]) -> SettingsLayer:
        """What tells the plugins of it. Raises UsageError where none of the run would compare it."""
        after_reading = [plugin for plugin in plugins.values() if plugin.manifest.type not in SEES_INPUTS]
        if not any(settings_filled_from(plugin.config_schema, EARLIER_INPUTS) for plugin in after_reading):
            raise UsageError("nothing_compares", "No plugin of this run compares a file with an earlier one.",
                             next_step="Select analysis_drift too, or leave --against out.")  # fmt: skip
        return self._knowing.earlier_versions(earlier, first.filename, plugins)

    def previous(self, prospect: Prospect) -> EarlierVersion | None:
        """What ``against="previous"`` would compare with, for a prospect that compares with nothing."""
        config = prospect.config
        return self._earlier.previous(config.inputs, raw_format=config.raw_format, erp=config.erp, sample=config.sample)

    def _settings(
        self, asked: Submission, plugins: Mapping[PluginId, Plugin], known: Sequence[SettingsLayer]
    ) -> tuple[Mapping[PluginId, Mapping[str, Any]], Origins]:
        """Every setting of ``plugins`` and where it came from. What is remembered may speak of plugins that do not run."""
        there = self._catalog.plugins()
        weak = [
            SettingsLayer(layer.origin, {name: values for name, values in layer.settings.items() if name in plugins})
            for layer in known
        ]
        strong = [SettingsLayer("config", asked.file_settings), SettingsLayer("given", asked.settings)]
        merged, origins = stack([*weak, *strong])
        resolved, problems = resolve_all(plugins, merged, known=there)
        problems = [_with_origin(problem, origins) for problem in problems]
        problems += [
            Problem("settings", str(name), "is not among the plugins of this run", "select it too, or leave its settings out")
            for name in merge(asked.file_settings, asked.settings)
            if name in there and name not in plugins
        ]
        if problems:
            raise UsageError("bad_configuration", "The configuration is not valid.", problems=problems,
                             next_step="Correct the settings named above; see `harness plugins show ID`.")  # fmt: skip
        return resolved, origins


def _with_origin(problem: Problem, origins: Origins) -> Problem:
    """Says whose mistake it is, where what is remembered is wrong and not what was asked for."""
    origin = origins.get(problem.where.removeprefix("settings of "), {}).get(problem.field)
    return problem if origin in (None, "config", "given") else replace(problem, where=f"{problem.where} (from {origin})")


def of_type(plugins: Mapping[PluginId, Plugin], type_: str) -> list[PluginId]:
    return [name for name, plugin in sorted(plugins.items()) if plugin.manifest.type == type_]


def executions_of(
    run: Run, plan: Plan, plugins: Mapping[PluginId, Plugin], have: frozenset[PluginId] = frozenset()
) -> list[Execution]:
    """The executions of a plan that the run does not have yet; one that is disabled or denied is BLOCKED from the start."""
    return [_execution(run, step, plugins[step.plugin_id]) for step in plan.steps if step.plugin_id not in have]


def _execution(run: Run, step: PlanStep, plugin: Plugin) -> Execution:
    execution = Execution(
        execution_id=ExecutionId(f"{run.run_id}.{plugin.id}"),
        run_id=run.run_id,
        plugin_id=plugin.id,
        plugin_type=plugin.manifest.type,
        version=plugin.manifest.version,
        layer=step.layer,
        depends_on=step.depends_on,
        required=step.required,
        memory_mb=plugin.manifest.limits.memory_mb,
    )
    if not step.blocked:
        return execution
    error = {"type": _kind(plugin, run), "message": step.blocked, "remedy": _remedy(plugin, run)}
    return replace(execution, status=ExecutionStatus.BLOCKED, summary=step.blocked, error=error, ended_at=run.created_at)


def _kind(plugin: Plugin, run: Run) -> str:
    return "CapabilityDenied" if is_enabled(plugin.id, run.config.grants) else "PluginDisabled"


def _remedy(plugin: Plugin, run: Run) -> str:
    if not is_enabled(plugin.id, run.config.grants):
        return f"`harness plugins enable {plugin.id}` lets it run, in runs submitted from then on."
    missing = " ".join(denied_to(plugin, run.config.grants))
    return f"`harness plugins grant {plugin.id} {missing}` lets it run, or use a plugin that does without."


def _other_reader(earlier: EarlierVersion, first: Input) -> UsageError:
    return UsageError(
        "other_reader", f"The file of run {earlier.run_id}, {earlier.input.filename}, is not read as {first.filename} is.",
        why="One plugin reads all files of a run.", next_step="Name a run of a file of the same kind.",
    )  # fmt: skip


def _no_such_plugin(unknown: Sequence[str], plugins: Mapping[PluginId, Plugin]) -> UsageError:
    problems = [Problem("plugins", name, "there is no plugin of this name", did_you_mean(name, plugins)) for name in unknown]
    return UsageError("no_such_plugin", f"There is no plugin {', '.join(unknown)}.", problems=problems,
                      next_step="See `harness plugins list`.")  # fmt: skip
