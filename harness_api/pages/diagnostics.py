"""Diagnostics: everything around the product as it is now, with what to do where it is not well; metrics as a table."""

from collections.abc import Callable, Sequence

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from harness_api.pages.rendering import pages_of
from harness_api.service import Service, service_of
from harness_api.tables import csv_response
from harness_core.adapters.environment import engine_facts
from harness_core.adapters.home import UNFIT_FILESYSTEMS, filesystem_of
from harness_core.adapters.volumes import encrypted
from harness_core.adapters.wall.canaries import examine as examine_wall
from harness_core.bootstrap import Core
from harness_core.services import doctor as looks
from harness_core.services.doctor import Check
from harness_core.settings import NAMES

ORDER = {"failure": 0, "warning": 1, "ok": 2}
router = APIRouter()


@router.get("/diagnostics", response_class=HTMLResponse)
def diagnostics_page(request: Request) -> HTMLResponse:
    """What is wrong first. The state database is read from end to end when asked for with ``?deep=1``."""
    service = service_of(request)
    checks = examine(service, deep="deep" in request.query_params)
    wrong = [check for check in checks if check.state != "ok"]
    settings = next((check.details for check in checks if check.name == "settings"), {})
    liveness = service.core.overview.liveness()
    title = f"{len(wrong)} to look at · Diagnostics" if wrong else "All is well · Diagnostics"
    return pages_of(request).page(
        request, "diagnostics.html", title, checks=sorted(checks, key=lambda check: ORDER[check.state]), settings=settings,
        workers=liveness.alive, wall=next((check.details for check in checks if check.name == "containment"), {}),
        steady=service.core.clock.steady(), now=service.core.clock.now(), metrics=service.measuring.metrics(),
        deep="deep" in request.query_params,
    )  # fmt: skip


@router.get("/metrics.csv")
def metrics_table(request: Request) -> Response:
    """The figures of ``/metrics`` as rows: name, labels, value."""
    service = service_of(request)
    rows = [
        (metric.name + suffix, " ".join(f"{name}={word}" for name, word in labels.items()), value)
        for metric in [*service.measuring.metrics(), *service.meter.metrics()]
        for suffix, labels, value in metric.samples
    ]
    return csv_response("metrics", ("metric", "labels", "value"), rows)


def examine(service: Service, *, deep: bool) -> list[Check]:
    """The doctor's looks, on the core that serves; one that breaks is itself a finding."""
    core = service.core
    settings = core.settings
    values = {name: getattr(settings, name) for name in NAMES}
    filesystems = looks.Filesystems(filesystem_of, UNFIT_FILESYSTEMS, encrypted)
    return [
        *looks.check_program(engine_facts()),
        *looks.check_home(settings.home, settings.min_free_bytes, filesystems),
        *looks.check_settings(values, settings.sources, settings.warnings),
        *_attempted("database", lambda: looks.check_database(lambda: _quick_check(core) if deep else "ok", core.migrations)),
        *_attempted("queue", lambda: looks.check_work(core.jobs, core.overview)),
        *_attempted("plugins", lambda: looks.check_plugins(core.catalog)),
        *_attempted("containment", lambda: [looks.check_wall(examine_wall(settings.home / "scratch").as_dict())]),
    ]


def _attempted(name: str, look: Callable[[], Sequence[Check]]) -> Sequence[Check]:
    try:
        return look()
    except Exception as failure:  # whatever is broken, the rest is looked at all the same
        return [looks.failed(name, failure)]


def _quick_check(core: Core) -> str:
    if core.database.engine.dialect.name != "sqlite":
        return "ok"
    with core.database.reading() as session:
        return str(session.connection().exec_driver_sql("PRAGMA quick_check").scalar())
