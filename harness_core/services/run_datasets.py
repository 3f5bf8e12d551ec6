"""The dataset versions of a run, each with the role that it has there: the same data may have another one in another run."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from harness_core.domain.datasets import DatasetVersion
from harness_core.ports.state import Library


def dataset_versions_of(library: Library, datasets: Iterable[Mapping[str, Any]]) -> list[DatasetVersion]:
    """From a run's ``datasets``, in their order. Raises NotFound."""
    return [replace(library.dataset_version(item["dataset_version_id"]), role=str(item["role"])) for item in datasets]
