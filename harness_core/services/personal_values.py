"""The values of columns that a run found personal, as far as they stand in what it wrote: they are asked for, never guessed."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness_core.domain.datasets import DatasetVersion
from harness_core.domain.packs import reason_to_leave_out
from harness_core.domain.proofs import MANIFEST, Documents
from harness_core.domain.redaction import SHORTEST_NAME
from harness_core.sdk.canonical import NotCanonical, strict_loads
from harness_core.sdk.contract import KINDS, MEASURES, SEVERITIES
from harness_core.sdk.dataset import are_alike, quote_name, view_sql
from harness_core.services.replaying import Replay

Ask = Callable[[Sequence[Mapping[str, Any]], Mapping[str, Path]], Sequence[Mapping[str, Any]]]

MAIN = "data"
LONGEST = 300
MOST_AT_ONCE = 2000
TEXT_IN_SQL = re.compile(r"'((?:[^']|'')+)'")
IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")


class PersonalValues:
    """Looks them up in the data of runs. ``ask`` runs queries over dataset versions, behind the wall."""

    def __init__(self, home: Path, ask: Ask) -> None:
        self._home, self._ask = home, ask

    def told_by(self, replay: Replay) -> set[str]:
        """Those texts in the run's documents that are values of its personal columns, but for the words documents are made of.

        Where the data can no longer be asked, every text in the evidence of findings about such columns counts as one.
        """
        report, names = replay.report, personal_columns(replay.report)
        if not names:
            return set()
        texts = {text for document in self._documents(replay) for text in _texts(document)} - _structure(replay.documents)
        wanted = sorted(text for text in texts if SHORTEST_NAME <= len(text) <= LONGEST)
        pieces = [wanted[place : place + MOST_AT_ONCE] for place in range(0, len(wanted), MOST_AT_ONCE)]
        columns = columns_meant(names, replay.versions)
        queries = [{"sql": _among(*column, piece), "max_rows": len(piece)} for column in columns for piece in pieces]
        answers = self._answers(replay, queries)
        if answers is not None:
            return {str(row[0]) for answer in answers for row in answer["rows"]}
        meant = {name for role, column in columns for name in (column, f"{role}.{column}")}
        about = [finding for finding in report["findings"] if meant & set(finding["columns"])]
        return texts & {
            text for finding in about for text in _texts([finding["evidence"], finding["statistics"], finding.get("figure")])
        }

    def _documents(self, replay: Replay) -> Iterator[Any]:
        for artifact in replay.artifacts:
            if artifact.path.endswith(".json") and artifact.path != MANIFEST and reason_to_leave_out(artifact) is None:
                with suppress(NotCanonical, OSError):
                    yield strict_loads((self._home / "runs" / artifact.run_id / artifact.path).read_bytes())

    def _answers(self, replay: Replay, queries: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]] | None:
        """None where there is nobody to ask, or not for everything an answer."""
        folders = {version.role: self._home / "datasets" / version.dataset_version_id for version in replay.versions}
        if not folders or not all((folder / "data.parquet").exists() for folder in folders.values()):
            return None
        answers = self._ask(queries, folders)
        return answers if all(isinstance(answer.get("rows"), list) for answer in answers) else None


def personal_columns(report: Mapping[str, Any]) -> list[str]:
    """The columns of the findings that say so, as findings name them: those of other tables than the first behind their role."""
    return sorted({str(name) for finding in report.get("findings", ()) if finding["kind"] == "pii" for name in finding["columns"]})


def columns_meant(names: Sequence[str], versions: Sequence[DatasetVersion]) -> list[tuple[str, str]]:
    """Role and name of each column that is meant, and of those of the same name in tables alike, such as an earlier version.

    A name that no table has is taken for one of the first: the question fails, and whoever asks knows that there is no answer.
    """
    held = {version.role: {str(column["name"]) for column in version.columns} for version in versions}
    first = MAIN if MAIN in held else next(iter(held), MAIN)
    found: set[tuple[str, str]] = set()
    for name in names:
        told = [(role, column) for role, columns in held.items() for column in columns if name == f"{role}.{column}"]
        told += [(first, name)] if name in held.get(first, ()) or not told else []
        alike = [
            (role, column)
            for own, column in told
            for role, columns in held.items()
            if column in columns and are_alike(columns, held.get(own, ()))
        ]
        found |= {*told, *alike}
    return sorted(found)


def _among(role: str, column: str, texts: Sequence[str]) -> str:
    value = f"trim(CAST({quote_name(column)} AS VARCHAR))"
    listed = ", ".join("'" + text.replace("'", "''") + "'" for text in texts)
    return f"SELECT DISTINCT value FROM (SELECT {value} AS value FROM {view_sql(role)}) WHERE value IN ({listed})"  # noqa: S608 - quoted


def _texts(value: Any) -> Iterator[str]:
    """The text values of a document, and the texts that its queries name."""
    if isinstance(value, str):
        yield value.strip()
        yield from (text.replace("''", "'").strip() for text in TEXT_IN_SQL.findall(value))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key).strip()
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _structure(told: Documents | None) -> set[str]:
    """The words that documents are made of: keys, ids, states, column names. That one is a personal value too tells nothing."""
    if told is None:
        return set()
    plain = {key: value for key, value in told.manifest.items() if key not in ("inputs", "config")}
    columns = {str(column["name"]) for facts in told.schemas.values() for column in facts["columns"]}
    return {*filter(IDENTIFIER.fullmatch, (*_texts(plain), *_keys(told.report))), *columns, *KINDS, *SEVERITIES, *MEASURES}


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from map(str, value)
        value = list(value.values())
    if isinstance(value, list | tuple):
        yield from (key for item in value for key in _keys(item))
