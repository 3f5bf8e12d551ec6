"""What a guest loads is the source that was hashed, and nothing else in the folder."""

import py_compile
from pathlib import Path

from harness_core.sdk.testing import run_plugin
from tests.fakes.plugins import make_plugin

CODE = (
    "from sibling import WORD\nfrom harness_core.sdk import PluginResult\ndef run(ctx):\n    return PluginResult.na('said', WORD)\n"
)


def test_planted_bytecode_is_not_run(tmp_path: Path) -> None:
    """A .pyc that pretends to belong to a plugin's module is not what its code hash covers, so it is never used."""
    folder = make_plugin(tmp_path, "analysis_small", "analysis", CODE)
    sibling = folder / "sibling.py"
    sibling.write_text("WORD = 'EVIL'\n")
    py_compile.compile(str(sibling), doraise=True, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    sibling.write_text("WORD = 'good'\n")
    assert list((folder / "__pycache__").iterdir())
    assert run_plugin(folder)["summary"] == "good"
