"""The pages: complete by GET without JavaScript; scripts add live updates and the upload with its progress."""

from fastapi import APIRouter

from harness_api.pages import (
    columns,
    compare,
    datasets,
    diagnostics,
    findings,
    home,
    live,
    local_files,
    plugins,
    run_logs,
    run_parts,
    runs,
    start,
    static,
)


def pages() -> tuple[APIRouter, ...]:
    """The routers of all pages."""
    return (
        home.router,
        start.router,
        local_files.router,
        live.router,
        findings.router,
        columns.router,
        run_logs.router,
        run_parts.router,
        compare.router,
        runs.router,
        datasets.router,
        plugins.router,
        diagnostics.router,
        static.router,
    )
