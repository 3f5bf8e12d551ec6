"""What computes here: the versions that are part of every fingerprint, and the system around them."""

import platform
import sys
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from typing import Any

from harness_core import __version__

ENGINE_PACKAGES = ("duckdb", "pyarrow", "numpy", "scipy", "pandas")


@cache
def engine_facts() -> Mapping[str, str]:
    """What computes: its versions are part of every fingerprint, because last digits may differ between them."""
    return {"harness": __version__, **{name: metadata.version(name) for name in ENGINE_PACKAGES}}


def system(packages: Mapping[str, str]) -> dict[str, Any]:
    """Where a run happened, for its manifest."""
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "byte_order": sys.byteorder,
        "packages": dict(packages),
    }
