"""`harness serve`: the API, the pages and, unless told otherwise, a worker, in one process."""

from typing import Annotated

import typer

from harness_api.cli.exits import Exit
from harness_api.cli.session import Session

HostOption = Annotated[
    str | None, typer.Option("--host", metavar="ADDRESS", help="The address to listen on; 127.0.0.1 unless set.")
]
PortOption = Annotated[int | None, typer.Option("--port", metavar="N", min=0, max=65535, help="The port; 8765 unless set.")]
NoWorkerOption = Annotated[
    bool, typer.Option("--no-worker", help="Take requests only; workers are other processes.", show_default=False)
]
NetworkOption = Annotated[
    bool, typer.Option("--allow-network", help="Allow an address that other machines can reach.", show_default=False)
]


def serve(
    session: Session,
    host: HostOption = None,
    port: PortOption = None,
    no_worker: NoWorkerOption = False,
    allow_network: NetworkOption = False,
) -> Exit:
    """Serve the API and the pages until stopped.

    Only this machine can reach it: an address that is not loopback is refused (exit 7) unless --allow-network stands beside it.
    """
    session.configure_logs()
    from harness_api.server import serve as serve_until_stopped

    settings = session.settings
    code = serve_until_stopped(
        settings,
        host=settings.host if host is None else host,
        port=settings.port if port is None else port,
        with_worker=not no_worker,
        open_to_network=allow_network,
    )
    return Exit(code)
