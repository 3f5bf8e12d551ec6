"""The pages: complete by GET without JavaScript; scripts add live updates and the upload with its progress."""

from fastapi import APIRouter

from harness_api.pages import (
    before_run,
    columns,
    compare,
    datasets,
    diagnostics,
    erps,
    findings,
    formats,
    guide,
    home,
    keeping,
    live,
    local_files,
    plugins,
    presets,
    proof,
    remembered,
    run_files,
    run_list,
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
        before_run.router,
        local_files.router,
        live.router,
        run_list.router,
        keeping.router,
        findings.router,
        proof.router,
        columns.router,
        run_logs.router,
        run_files.router,
        run_parts.router,
        compare.router,
        runs.router,
        datasets.router,
        presets.router,
        erps.router,
        formats.router,
        remembered.router,
        plugins.router,
        diagnostics.router,
        guide.router,
        static.router,
    )
