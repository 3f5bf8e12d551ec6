"""Files of runs are opened only after their bytes were hashed and found to be what the registry says."""

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from harness_core.domain.errors import Tampered
from harness_core.domain.runs import Artifact


def open_checked(path: Path, record: Artifact) -> BinaryIO:
    """The file, open at its beginning, after its bytes were hashed and found to be what was recorded. Links are not followed."""
    try:
        file = os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb")
    except OSError as reason:
        raise _tampered(record, f"It cannot be read: {reason.strerror}.") from reason
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != record.sha256:
        file.close()
        raise _tampered(record, f"Its SHA-256 is {digest[:12]}…, the record says {record.sha256[:12]}….")
    file.seek(0)
    return file


def _tampered(record: Artifact, why: str) -> Tampered:
    return Tampered("tampered", f"{record.path} is not what the run wrote.", why=why,
                    next_step="Restore it from a backup, or run the file again.")  # fmt: skip
