"""A place where a guest made of a few lines can be run by a real launcher."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness_core.adapters.wall.launcher import ProcessLauncher
from harness_core.ports.launcher import GuestOutcome, GuestRequest


@dataclass
class House:
    """A place to run a guest made of the body of its ``run(ctx)``."""

    folder: Path
    launcher: ProcessLauncher

    @property
    def scratch(self) -> Path:
        return self.folder / "scratch"

    @property
    def stdout(self) -> str:
        return (self.folder / "stdout.log").read_text(encoding="utf-8")

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr.log").read_text(encoding="utf-8")

    def request(self, body: str, settings: Mapping[str, Any] | None = None, **budget: Any) -> GuestRequest:
        plugin = self.folder / "plugin"
        for folder in (plugin, self.scratch):
            folder.mkdir(parents=True, exist_ok=True)
        lines = textwrap.indent(textwrap.dedent(body).strip(), "    ")
        heading = "import ctypes, os, signal, subprocess, sys, threading, time\nfrom harness_core.sdk import PluginResult\n"
        (plugin / "plugin.py").write_text(f"{heading}\ndef run(ctx):\n{lines}\n", encoding="utf-8")
        message = {
            "plugin_id": "probe", "plugin_folder": str(plugin), "module": "plugin.py", "function": "run", "call": "run",
            "settings": dict(settings or {}), "seed": 1, "scratch": str(self.scratch), "engine_memory_mb": 100, "limits": {},
            "plan": [], "report": {}, "inputs": [], "datasets": {}, "upstream": {},
        }  # fmt: skip
        return GuestRequest(
            message,
            self.scratch,
            self.folder / "stdout.log",
            self.folder / "stderr.log",
            **{"timeout_s": 20.0, "memory_mb": 512, **budget},
        )

    def run(self, body: str, settings: Mapping[str, Any] | None = None, **budget: Any) -> GuestOutcome:
        return self.launcher.run(self.request(body, settings, **budget))

    def pids(self) -> list[int]:
        """The pids that a guest's processes wrote into files of the scratch folder called ``*.pid``."""
        return [int(path.read_text()) for path in sorted(self.scratch.glob("*.pid"))]
