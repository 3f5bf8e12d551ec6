"""The pages: complete by GET without JavaScript; scripts add live updates and the upload with its progress."""

from fastapi import APIRouter

from harness_api.pages import datasets, home, live, plugins, runs, start, static


def pages() -> tuple[APIRouter, ...]:
    """The routers of all pages."""
    return (home.router, start.router, live.router, runs.router, datasets.router, plugins.router, static.router)
