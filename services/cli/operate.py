"""Running Efir and looking at it: up, worker, ingest, show, status."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from pipeline import readers
from pipeline.artifact import Record, decode
from pipeline.graph import STAGES
from pipeline.readers import Rejected
from pipeline.store import NotFound, id_key, record_key
from pipeline.transcript import Place, is_document_id
from services import logs
from services.admission import Admitted
from services.broker import Lane
from services.cli.installation import State, complain, err, installation, out, read_settings, refuse
from services.cli.present import show_record
from services.pressure import Busy
from services.quarantine import Quarantine


def up(state: State = None) -> None:
    """Run the whole embedded installation until Ctrl-C: broker, object store and worker.

    Other commands with the same --state use it while it runs.
    """
    from services import broker
    from services.cli.installation import stopping_in_order
    from services.embedded import Embedded
    from services.presence import present

    settings = read_settings(state)
    logs.configure("WARNING", "console")
    if not settings.is_embedded:
        err.print("[bold red]efir:[/] EFIR_BROKER_URL is set, so nothing is embedded; start workers: efir worker")
        raise typer.Exit(2)
    with stopping_in_order(), Embedded(settings) as embedded:
        if not embedded.is_owner:
            err.print(f"[bold red]efir:[/] another efir runs on {settings.state.absolute()} already")
            raise typer.Exit(1)
        embedded.start_worker()
        embedded.start_dispatcher()
        client = broker.connect(embedded.settings)
        addresses = embedded.addresses
        assert addresses is not None
        table = Table.grid(padding=(0, 2))
        table.add_row("broker", f"redis://127.0.0.1:{addresses.broker_port}", "[dim]valkey-server[/]")
        table.add_row(
            "store", f"http://127.0.0.1:{addresses.s3_port}", f"[dim]SeaweedFS, bucket {settings.store_bucket}[/]"
        )
        table.add_row("state", str(settings.state.absolute()), "[dim]passwords in addresses.json, logs in log/[/]")
        out.print(table)
        is_told = False
        try:
            while True:
                embedded.tend()
                if not is_told and (workers := present(client)):
                    is_told = True
                    for worker in workers:
                        out.print(f"worker  {worker.name}, {worker.processes} processes, metrics {worker.metrics}")
                    out.print("[bold green]ready[/]; Ctrl-C stops it")
                time.sleep(0.5)
        except KeyboardInterrupt:
            err.print("stopping")


def worker(
    queues: Annotated[
        str, typer.Option("--stages", "-Q", metavar="STAGE,...", help="Serve only these stages.")
    ] = ",".join(STAGES),
    lane: Annotated[Lane | None, typer.Option(help="Serve only this lane; both when not given.")] = None,
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", "-c", min=1, help="Processes; one per core when not given.")
    ] = None,
    state: State = None,
) -> None:
    """Run a worker on the configured broker and store, until SIGTERM or Ctrl-C."""
    from services import worker as workers
    from services.embedded import Embedded

    stages = [stage.strip() for stage in queues.split(",") if stage.strip()]
    if unknown := sorted(set(stages) - set(STAGES)):
        err.print(f"[bold red]efir:[/] no stage is called {', '.join(unknown)}; there are {', '.join(STAGES)}")
        raise typer.Exit(2)
    settings = read_settings(state)
    if concurrency is not None:
        settings = settings.model_copy(update={"concurrency": concurrency})
    lanes = (lane,) if lane else tuple(Lane)
    if not settings.is_embedded:
        raise typer.Exit(workers.run(settings, stages, lanes))
    with Embedded(settings) as embedded:
        if embedded.is_owner:
            err.print(
                f"[bold red]efir:[/] no broker is configured (EFIR_BROKER_URL, EFIR_STORE_ENDPOINT) and none runs on "
                f"{settings.state.absolute()}; to run everything here: efir up"
            )
            raise typer.Exit(2)
        raise typer.Exit(workers.run(embedded.settings, stages, lanes))


def dispatcher(state: State = None) -> None:
    """Feed campaigns to the replay queues, until SIGTERM or Ctrl-C. `efir up` has one of its own.

    One of an installation works at a time; a second one waits to take over.
    """
    from services import dispatcher as dispatchers
    from services.embedded import Embedded

    settings = read_settings(state)
    if settings.is_embedded:
        with Embedded(settings) as embedded:
            if embedded.is_owner:
                refuse(f"no broker is configured, and none runs on {settings.state.absolute()}; efir up runs all")
            raise typer.Exit(dispatchers.run(embedded.settings))
    raise typer.Exit(dispatchers.run(settings))


def api(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8080,
    state: State = None,
) -> None:
    """Take documents in over HTTP, until SIGTERM or Ctrl-C: POST /documents, one JSON transcript at a time."""
    import uvicorn

    from services.api import create

    settings = read_settings(state)
    logs.configure(settings.log_level, settings.log_format)
    with installation(state) as here:
        if here.embedded is not None and here.embedded.is_owner:
            refuse(f"no broker is configured, and none runs on {here.settings.state.absolute()}; start one: efir up")
        uvicorn.run(create(here.settings), host=host, port=port, log_config=None)


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders that are searched for .txt and .json files.")],
    language: Annotated[str | None, typer.Option(help="Language of files that do not name theirs.")] = None,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="When too much is waiting already, stop and say so (exit status 75).")
    ] = False,
    state: State = None,
) -> None:
    """Store and enqueue transcripts, and print their ids once nothing can lose them. Does not wait for the results.

    When more waits than EFIR_HIGH_WATER allows, it waits until there is room, or with --no-wait stops.
    """
    logs.configure("ERROR", "console")
    rejected = 0
    busy: Busy | None = None
    with installation(state) as here:
        if language:
            here.settings = here.settings.model_copy(update={"language": language})
        admission, ids = here.admission, list[str]()

        def admitted() -> Iterator[Admitted]:
            nonlocal rejected, busy
            for path in (path for root in paths for path in readers.files(root)):
                try:
                    transcript = readers.read_file(path, here.settings.max_document_bytes)
                    item = admission.admit(transcript) if no_wait else here.admit_when_possible(transcript)
                except Rejected as reason:
                    rejected += 1
                    complain("rejected", f"{readers.readable(str(path))}: {reason}")
                    continue
                except Busy as reason:
                    busy = reason
                    complain("not admitted", f"{readers.readable(str(path))} and what follows: {reason}")
                    return
                ids.append(item.place.id)
                yield item

        admission.enqueue(admitted())
        admission.secure()
        for name in ids:
            sys.stdout.write(name + "\n")
        if here.embedded is not None and here.embedded.is_owner:
            err.print("They wait in the queue; [bold]efir up[/] works through it.")
    raise typer.Exit(os.EX_TEMPFAIL if busy else 1 if rejected else 0)


def show(
    document: Annotated[str, typer.Argument(metavar="ID", help="A document's id, as ingest and run print it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the record as JSON.")] = False,
    state: State = None,
) -> None:
    """Show one document's record, or where it is on its way."""
    logs.configure("ERROR", "console")
    if not is_document_id(document):
        err.print(f"[bold red]efir:[/] {document!r} is not an id; one looks like 0123456789abcdef-01234567")
        raise typer.Exit(2)
    with installation(state) as here:
        try:
            place = Place.parse(here.store.get(id_key(document)).decode())
        except NotFound:
            err.print(f"[bold red]efir:[/] no document {document} was admitted here")
            raise typer.Exit(1) from None
        key = record_key(place)
        try:
            data = here.store.get(key)
        except NotFound:
            entry = Quarantine(here.store).find(place)
            if entry is None:
                err.print(f"{document} was admitted and has no record yet")
            else:
                complain("quarantined", f"at {entry.stage}, {entry.at:%Y-%m-%d %H:%M}: {entry.error}")
                err.print(entry.traceback, markup=False)
            raise typer.Exit(1) from None
        if as_json:
            sys.stdout.write(msgspec.json.format(data.decode(), indent=1) + "\n")
        else:
            show_record(out, decode(data, Record, key))


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False, state: State = None
) -> None:
    """Show queues, workers and what they have done."""
    from services.overview import overview

    logs.configure("ERROR", "console")
    with installation(state) as here:
        now = overview(here.redis, here.store)
    if as_json:
        sys.stdout.write(msgspec.json.encode(now).decode() + "\n")
        return
    queues = Table("stage", *(f"{lane} waiting" for lane in Lane), title="Queues", title_justify="left")
    for stage in STAGES:
        queues.add_row(stage, *(f"{now.queues[f'{stage}.{lane}']:,}" for lane in Lane))
    out.print(queues)
    out.print(f"{now.unacknowledged:,} messages in the hands of workers")
    out.print(f"{now.documents:,} documents admitted, {now.records:,} records, {now.quarantined:,} in quarantine")
    if not now.workers:
        out.print("[yellow]no worker is there[/]; start one with [bold]efir worker[/] or [bold]efir up[/]")
        return
    workers = Table("worker", "processes", "stages", "lanes", "metrics", title="Workers", title_justify="left")
    for each in now.workers:
        workers.add_row(each.name, str(each.processes), ", ".join(each.stages), ", ".join(each.lanes), each.metrics)
    out.print(workers)
