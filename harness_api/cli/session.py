"""One call of the command: its console, its settings and, when first asked for, the opened core."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from harness_api.cli.console import Console
from harness_core.domain.errors import HarnessError
from harness_core.settings import Settings, read_settings

if TYPE_CHECKING:
    from harness_core.bootstrap import Core


class Session:
    """What every command is handed. The common options may stand before or after a subcommand: both end here."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._home: Path | None = None
        self._settings: Settings | None = None

    def take_common(self, *, home: Path | None, quiet: bool, verbose: bool) -> None:
        self._home = home or self._home
        self.console.quiet |= quiet
        self.console.verbose |= verbose

    @property
    def settings(self) -> Settings:
        """Read once; raises UsageError naming every bad value. Unknown variables are told of on stderr."""
        if self._settings is None:
            self._settings = read_settings(home=self._home)
            for warning in self._settings.warnings:
                self.console.note(f"Warning: {warning}")
        return self._settings

    @property
    def home(self) -> Path | None:
        """The state folder as far as it can be known, for a log of last resort."""
        with suppress(HarnessError, OSError):
            return self.settings.home
        return self._home

    def configure_logs(self) -> None:
        from harness_core.logs import configure_logs

        level = "debug" if self.console.verbose else "error" if self.console.quiet else self.settings.log_level
        configure_logs(level, coloured=self.console.error_colours)

    @contextmanager
    def core(self, queue_url: str | None = None, *, migrate: bool = True) -> Iterator["Core"]:
        """The opened core of the home folder."""
        self.configure_logs()
        from harness_core.bootstrap import open_core

        opened = open_core(self.settings, queue_url=queue_url, migrate=migrate)
        try:
            yield opened
        finally:
            opened.close()
