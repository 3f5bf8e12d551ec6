"""Where the reference data stands."""

import os
from pathlib import Path


def reference_folder(name: str) -> Path:
    """A folder of the reference data; without it these tests have nothing to compare with, and fail."""
    root = os.environ.get("HARNESS_REFERENCE_DATA")
    assert root, "Set HARNESS_REFERENCE_DATA to the folder with the reference data (the one that holds INDEX.md)."
    folder = Path(root) / name
    assert folder.is_dir(), f"HARNESS_REFERENCE_DATA is {root}, and there is no folder {name} in it."
    return folder
