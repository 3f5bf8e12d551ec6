"""`harness doctor`: everything around the product, looked at now, with what to do where it is not well."""

import os
import textwrap
from collections.abc import Callable
from typing import TYPE_CHECKING

from harness_api.cli.console import NARROWEST, paint
from harness_api.cli.exits import Exit
from harness_api.cli.session import Session

if TYPE_CHECKING:
    from pathlib import Path

    from harness_core.bootstrap import Core
    from harness_core.services.doctor import Check

INDENT = 27
COLOURS = {"ok": "green", "warning": "yellow", "failure": "red"}


def doctor(session: Session) -> Exit:
    """Check everything the product needs.

    Python and engine packages, settings, the state folder and its disk, the database, queue and workers, plugins, containment:
    how each is, and what to do where it is not well.
    Exit 8 when something failed; warnings leave it at 0.
    """
    from harness_core.services.doctor import healthy

    checks = _examine(session)
    ok = healthy(checks)
    session.console.document = {"ok": ok, "checks": [check.as_dict() for check in checks]}
    for check in checks:
        session.console.result(_shown(check, session.console.width))
        if check.name == "settings":
            session.console.result(_settings_lines(check))
    counts = {state: sum(check.state == state for check in checks) for state in COLOURS}
    session.console.result(
        f"\n{counts['ok']} ok, {_counted(counts['warning'], 'warning')}, {_counted(counts['failure'], 'failure')}."
    )
    return Exit.OK if ok else Exit.NOT_HEALTHY


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def _shown(check: "Check", width: int | None) -> str:
    """State, name and sentence; the sentence and what to do fill the terminal's width beside them."""
    texts = [check.sentence, *([f"Do: {check.next_step}"] if check.next_step else [])]
    room = None if width is None or width - INDENT < NARROWEST else width - INDENT
    lines = [line for text in texts for line in (textwrap.wrap(text, room, break_long_words=False) if room else [text])]
    head = f"{paint(check.state.ljust(8), COLOURS[check.state])} {check.name:<17} "
    return head + f"\n{'':{INDENT}}".join(lines)


def _settings_lines(check: "Check") -> str:
    return "\n".join(
        f"{'':{INDENT}}HARNESS_{name.upper()} = {_value(item['value'])}  ({item['source']})" for name, item in check.details.items()
    )


def _value(value: object) -> str:
    return ":".join(str(item) for item in value) or "(none)" if isinstance(value, list) else str(value)


def _examine(session: Session) -> "list[Check]":
    """What needs nothing comes first; the state is opened only where its folder is fit for it."""
    from harness_core.adapters.environment import engine_facts
    from harness_core.adapters.home import UNFIT_FILESYSTEMS, filesystem_of
    from harness_core.adapters.volumes import encrypted
    from harness_core.adapters.wall.canaries import examine
    from harness_core.bootstrap import open_catalog
    from harness_core.services import doctor as looks
    from harness_core.settings import NAMES

    settings = session.settings
    values = {name: getattr(settings, name) for name in NAMES}
    checks = [
        *looks.check_program(engine_facts()),
        *looks.check_home(settings.home, settings.min_free_bytes, looks.Filesystems(filesystem_of, UNFIT_FILESYSTEMS, encrypted)),
        *looks.check_settings(values, settings.sources, settings.warnings),
    ]
    if all(check.state != "failure" for check in checks if check.name == "home"):
        checks += _examine_state(session)
    checks += _attempted("plugins", lambda: looks.check_plugins(open_catalog(settings)))
    checks += _attempted("open_network", lambda: _open_network(session))
    return [*checks, *_attempted("containment", lambda: [looks.check_wall(examine(_trial_place(settings.home)).as_dict())])]


def _open_network(session: Session) -> "list[Check]":
    from harness_core.bootstrap import open_catalog, open_grants
    from harness_core.services import doctor as looks

    settings = session.settings
    return looks.check_network(settings.allow_network, open_catalog(settings), open_grants(settings).decisions())


def _trial_place(home: "Path") -> "Path":
    """Where guests run, so that the trials are made on that file system; elsewhere as long as it is not there."""
    import tempfile
    from pathlib import Path

    place = home / "scratch"
    return place if os.access(place, os.W_OK) else Path(tempfile.gettempdir())


def _examine_state(session: Session) -> "list[Check]":
    from harness_core.services import doctor as looks

    try:
        with session.core(migrate=False) as core:
            checks = _attempted("database", lambda: looks.check_database(lambda: _quick_check(core), core.migrations))
            if core.migrations.is_current():
                checks += _attempted("queue", lambda: looks.check_work(core.jobs, core.overview))
                checks += _attempted("retention", lambda: _keeping(core))
            return checks
    except Exception as failure:  # whatever is broken, the rest is looked at all the same
        return [looks.failed("state", failure)]


def _keeping(core: "Core") -> "list[Check]":
    from harness_core.services import doctor as looks

    collecting = core.collecting
    return looks.check_keeping(core.retaining.overdue(), collecting.survey(), collecting.last_turn(), core.clock.now())


def _attempted(name: str, look: "Callable[[], list[Check]]") -> "list[Check]":
    from harness_core.services.doctor import failed

    try:
        return look()
    except Exception as failure:  # as above
        return [failed(name, failure)]


def _quick_check(core: "Core") -> str:
    """What SQLite finds in a quick look at every page; other databases look after themselves."""
    if core.database.engine.dialect.name != "sqlite":
        return "ok"
    with core.database.reading() as session:
        return str(session.connection().exec_driver_sql("PRAGMA quick_check").scalar())
