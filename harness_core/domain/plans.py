"""The plan of a run: which plugins, in which layers, each building on which others. Pure: the same plugins make the same plan.

Ingest comes first; reports and prompts come last, without anybody having to say so; between them only ``depends_on`` decides.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise
from types import MappingProxyType

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from harness_core.domain.errors import Problem, UsageError
from harness_core.domain.grants import Decisions, denied_to, disabled_sentence
from harness_core.domain.manifests import CAPABILITIES
from harness_core.domain.plugins import CONCLUDING_TYPES, PLUGIN_TYPES, Plugin, PluginId, PluginType
from harness_core.domain.runs import REQUIRED_TYPES
from harness_core.domain.suggestions import did_you_mean

Edges = dict[PluginId, tuple[PluginId, ...]]


@dataclass(frozen=True)
class PlanStep:
    """One plugin in its place.

    ``depends_on`` are the steps that end before it starts, and whose results it may read: what it declares, and what its type
    implies. ``required`` says that the run has failed when it does. ``blocked`` is the sentence why it may not run (it is disabled,
    or a capability was not granted); empty when it may.
    """

    plugin_id: PluginId
    layer: int
    depends_on: tuple[PluginId, ...]
    required: bool
    blocked: str = ""


@dataclass(frozen=True)
class Plan:
    """The steps, sorted by layer and id. Every step's layer is above those of all steps it depends on."""

    steps: tuple[PlanStep, ...]

    @cached_property
    def by_id(self) -> Mapping[PluginId, PlanStep]:
        return {step.plugin_id: step for step in self.steps}

    @property
    def layers(self) -> tuple[tuple[PlanStep, ...], ...]:
        return tuple(tuple(steps) for _, steps in groupby(self.steps, key=lambda step: step.layer))


def build_plan(
    plugins: Mapping[PluginId, Plugin],
    wanted: Iterable[PluginId],
    *,
    engine_version: str,
    decisions: Decisions = MappingProxyType({}),
) -> Plan:
    """The plan that runs ``wanted`` and everything they build on; raises UsageError ``invalid_plan`` with all problems.

    A plugin that is disabled, or asks for a capability that it may not have, is planned as blocked, with the reason.
    """
    chosen, problems = _closure(plugins, wanted)
    selected = {plugin_id: plugins[plugin_id] for plugin_id in sorted(chosen)}
    problems += engine_problems(selected, engine_version) + _order_problems(selected) + _cycle_problems(selected)
    if problems:
        raise _invalid(problems)
    edges = _all_edges(selected)
    layers = _layers(edges)
    steps = [_step(selected[plugin_id], layers[plugin_id], edges[plugin_id], decisions) for plugin_id in selected]
    return Plan(tuple(sorted(steps, key=lambda step: (step.layer, step.plugin_id))))


def check_catalog(plugins: Mapping[PluginId, Plugin]) -> list[Problem]:
    """What would stop some plan made from these plugins: missing dependencies, wrong order, cycles; in a fixed order."""
    return _missing_problems(plugins) + _order_problems(plugins) + _cycle_problems(plugins)


def denied_sentence(plugin: Plugin, decisions: Decisions) -> str:
    """Why ``plugin`` may not run under these decisions; empty when it may."""
    found = [CAPABILITIES[name] for name in denied_to(plugin, decisions)]
    if not found:
        return ""
    names = ", ".join(capability.name for capability in found)
    return f"{plugin.id} asks for {names}, which is not granted. {' '.join(capability.sentence for capability in found)}"


def _step(plugin: Plugin, layer: int, depends_on: tuple[PluginId, ...], decisions: Decisions) -> PlanStep:
    return PlanStep(
        plugin_id=plugin.id,
        layer=layer,
        depends_on=depends_on,
        required=plugin.manifest.type in REQUIRED_TYPES,
        blocked=disabled_sentence(plugin.id, decisions) or denied_sentence(plugin, decisions),
    )


def _closure(plugins: Mapping[PluginId, Plugin], wanted: Iterable[PluginId]) -> tuple[set[PluginId], list[Problem]]:
    """``wanted`` and all they build on, as far as that is there, and a problem for each that is not."""
    names = sorted(set(wanted))
    problems = [
        Problem("plan", name, "there is no such plugin", did_you_mean(name, plugins)) for name in names if name not in plugins
    ]
    chosen: set[PluginId] = set()
    waiting = deque(name for name in names if name in plugins)
    while waiting:
        plugin_id = waiting.popleft()
        if plugin_id not in chosen:
            chosen.add(plugin_id)
            waiting.extend(other for other in plugins[plugin_id].manifest.depends_on if other in plugins)
    return chosen, problems + _missing_problems(plugins, chosen)


def _missing_problems(plugins: Mapping[PluginId, Plugin], among: Iterable[PluginId] | None = None) -> list[Problem]:
    return [
        Problem(
            _manifest_of(plugin_id),
            "depends_on",
            f"{plugin_id} depends on {other}, which is not there",
            _missing_remedy(other, plugins),
        )
        for plugin_id in sorted(plugins if among is None else among)
        for other in plugins[plugin_id].manifest.depends_on
        if other not in plugins
    ]


def _missing_remedy(missing: str, plugins: Mapping[PluginId, Plugin]) -> str:
    return f"{did_you_mean(missing, plugins)}; an invalid folder counts as absent, see harness plugins validate"


def engine_problems(plugins: Mapping[PluginId, Plugin], engine_version: str) -> list[Problem]:
    return [
        Problem(
            _manifest_of(plugin_id),
            "requires.engine",
            f"{plugin_id} needs an engine {plugin.manifest.requires_engine}, and this is {engine_version}",
            "install a version of the plugin that was made for this engine, or leave it out",
        )
        for plugin_id, plugin in plugins.items()
        if not _fits(plugin.manifest.requires_engine, engine_version)
    ]


def _fits(versions: str, engine_version: str) -> bool:
    try:
        return SpecifierSet(versions).contains(engine_version, prereleases=True)
    except InvalidSpecifier:
        return False


def _order_problems(plugins: Mapping[PluginId, Plugin]) -> list[Problem]:
    """Dependencies against the grain: on a report from what is none, and of ingest on what is none."""
    problems = []
    for plugin_id in sorted(plugins):
        kind = plugins[plugin_id].manifest.type
        for other in plugins[plugin_id].manifest.depends_on:
            other_kind = plugins[other].manifest.type if other in plugins else kind
            if other_kind in CONCLUDING_TYPES and kind not in CONCLUDING_TYPES:
                word = "a report" if other_kind == "report" else "a prompt"
                reason = f"{plugin_id} depends on {other}, {word}, and {word[2:]}s come after everything else"
                problems.append(Problem(_manifest_of(plugin_id), "depends_on", reason, "take it out, or make this a report too"))
            elif kind == "ingest" != other_kind:
                reason = f"{plugin_id} depends on {other}, and ingest comes before everything else"
                problems.append(Problem(_manifest_of(plugin_id), "depends_on", reason, "take it out"))
    return problems


def _declared_edges(plugins: Mapping[PluginId, Plugin]) -> Edges:
    return {name: tuple(sorted({*plugin.manifest.depends_on} & {*plugins})) for name, plugin in plugins.items()}


def _all_edges(plugins: Mapping[PluginId, Plugin]) -> Edges:
    """The declared edges, and those that the types imply."""
    ingest = {name for name, plugin in plugins.items() if plugin.manifest.type == "ingest"}
    before = {name for name, plugin in plugins.items() if plugin.manifest.type not in CONCLUDING_TYPES}
    implied: dict[PluginType, set[PluginId]] = {"ingest": set(), **dict.fromkeys(CONCLUDING_TYPES, before)}
    return {
        name: tuple(sorted({*declared} | implied.get(plugins[name].manifest.type, ingest)))
        for name, declared in _declared_edges(plugins).items()
    }


def _layers(edges: Edges) -> dict[PluginId, int]:
    """For each the longest way down to one that depends on nothing; ``edges`` have no cycle."""
    above: dict[PluginId, list[PluginId]] = {name: [] for name in edges}
    for name, others in edges.items():
        for other in others:
            above[other].append(name)
    waiting = {name: len(others) for name, others in edges.items()}
    layers = dict.fromkeys(edges, 0)
    ready = deque(name for name, count in waiting.items() if count == 0)
    while ready:
        name = ready.popleft()
        for other in above[name]:
            layers[other] = max(layers[other], layers[name] + 1)
            waiting[other] -= 1
            if waiting[other] == 0:
                ready.append(other)
    return layers


def _cycle_problems(plugins: Mapping[PluginId, Plugin]) -> list[Problem]:
    return [_cycle_problem(cycle, plugins) for cycle in find_cycles(_declared_edges(plugins))]


def find_cycles(edges: Edges) -> list[tuple[PluginId, ...]]:
    """Cycles that share no plugin, each from its smallest id on (``(a, b, c)`` for a -> b -> c -> a); empty when there are none."""
    left, cycles = _in_cycles(edges), []
    while left:
        cycle = next(found for name in sorted(left) if (found := _shortest_cycle(left, name)))
        cycles.append(cycle)
        left = _in_cycles({name: others for name, others in left.items() if name not in cycle})
    return cycles


def _in_cycles(edges: Edges) -> Edges:
    """``edges`` without everything that has no way on or no way in, as often as that strips something."""
    while True:
        targets = {other for others in edges.values() for other in others}
        kept = {name: tuple(other for other in others if other in edges) for name, others in edges.items()}
        kept = {name: others for name, others in kept.items() if others and name in targets}
        if kept == edges:
            return edges
        edges = kept


def _shortest_cycle(edges: Edges, start: PluginId) -> tuple[PluginId, ...] | None:
    """The shortest way from ``start`` back to it, breadth first; None when there is none."""
    came_from: dict[PluginId, PluginId] = {}
    waiting = deque([start])
    while waiting:
        name = waiting.popleft()
        if start in edges[name]:
            path = [name]
            while path[-1] != start:
                path.append(came_from[path[-1]])
            return tuple(reversed(path))
        for other in edges[name]:
            if other not in came_from:
                came_from[other] = name
                waiting.append(other)
    return None


def _cycle_problem(cycle: tuple[PluginId, ...], plugins: Mapping[PluginId, Plugin]) -> Problem:
    ring = [*cycle, cycle[0]]
    edges = [f"{first} depends on {second}" for first, second in pairwise(ring)]
    giver, taken = _edge_to_cut(ring, plugins)
    return Problem(
        _manifest_of(giver),
        "depends_on",
        f"a cycle: {' -> '.join(ring)} ({', '.join(edges)})",
        f"take {taken} out of depends_on of {giver}",
    )


def _edge_to_cut(ring: list[PluginId], plugins: Mapping[PluginId, Plugin]) -> tuple[PluginId, PluginId]:
    """The edge that runs most against the usual order of types (a profile on an analysis); else the one that closes the cycle."""

    def against(edge: tuple[int, tuple[PluginId, PluginId]]) -> tuple[int, int]:
        index, (first, second) = edge
        order = [PLUGIN_TYPES.index(plugins[name].manifest.type) for name in (first, second)]
        return order[1] - order[0], index

    return max(enumerate(pairwise(ring)), key=against)[1]


def _manifest_of(plugin_id: PluginId) -> str:
    return f"{plugin_id}/plugin.yaml"


def _invalid(problems: list[Problem]) -> UsageError:
    what = problems[0].reason if len(problems) == 1 else f"{problems[0].reason} (and {len(problems) - 1} more)"
    return UsageError(
        "invalid_plan",
        f"The plan cannot be run: {what}.",
        why="A run starts only when every plugin in it can have what it builds on.",
        next_step=problems[0].remedy or "harness plugins validate shows every problem",
        problems=problems,
    )
