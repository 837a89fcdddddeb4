"""`efir exporter`: what Prometheus is told of the installation."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.installation import State, read_settings, refuse


def exporter(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.  [default: EFIR_EXPORTER_HOST]", show_default=False)
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port to listen on.  [default: EFIR_EXPORTER_PORT]", show_default=False),
    ] = None,
    state: State = None,
) -> None:
    """Serve the metrics of the installation: queues, quarantine, campaigns, broker and store, until SIGTERM or Ctrl-C.

    Run one for an installation; workers serve their own. `efir up` has one. docs/metrics.md lists all of them.
    """
    from services.embedded import Embedded
    from services.exporter.process import run

    given = {"exporter_host": host, "exporter_port": port}
    chosen = {name: value for name, value in given.items() if value is not None}
    settings = read_settings(state).model_copy(update=chosen)
    if not settings.is_embedded:
        raise typer.Exit(run(settings))
    with Embedded(settings) as embedded:
        if embedded.is_owner:
            refuse(f"no broker is configured, and none runs on {settings.state.absolute()}; efir up runs all")
        raise typer.Exit(run(embedded.settings))
