"""The `harness` command: reads what was asked, calls the services, and ends with one of the codes in ``exits``."""

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code; Ctrl-C while its modules are still being read is an interruption like any other."""
    try:
        from harness_api.cli.entry import main as enter
    except KeyboardInterrupt:
        return 130
    return enter(arguments)


__all__ = ["main"]
