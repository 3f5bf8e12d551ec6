"""SIGINT and SIGTERM as exceptions of the main thread, so that every command leaves in good order and with the right code."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from harness_api.cli.exits import Exit

SIGNALS = (signal.SIGINT, signal.SIGTERM)
EXIT_OF = {signal.SIGINT: Exit.INTERRUPTED, signal.SIGTERM: Exit.TERMINATED}


class Stopped(BaseException):
    """Somebody wants the command to end. Not an Exception: nothing on the way may mistake it for a failure."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit = EXIT_OF[signal.Signals(number)]


def raise_on_signals() -> None:
    """From now on the first signal raises :class:`Stopped`; further ones are left unheard while the command leaves."""
    _handle(_raise_once)


def _raise_once(number: int, _frame: FrameType | None) -> NoReturn:
    _handle(_ignore)
    raise Stopped(number)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """The command is on its way out."""


def hear_no_more() -> None:
    """The command has ended and only writes its last words: Python itself would answer a signal on its way out by dying of it."""
    for number in SIGNALS:
        with suppress(ValueError):  # as below
            signal.signal(number, signal.SIG_IGN)


@contextmanager
def on_signals(react: Callable[[int], None]) -> Iterator[None]:
    """While inside, every signal calls ``react`` instead (of a worker that drains first)."""
    _handle(lambda number, _frame: react(number))
    try:
        yield
    finally:
        _handle(_ignore)


def _handle(handler: Callable[[int, FrameType | None], None]) -> None:
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # a shell that put us in the background ignores Ctrl-C for us
            with suppress(ValueError):  # not the main thread: then somebody else has the signals
                signal.signal(number, handler)
