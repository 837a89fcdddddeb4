"""Running Efir and looking at it: up, worker, ingest, show, status."""

from __future__ import annotations

import contextlib
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
from pipeline.identity import is_removed, place_of_id
from pipeline.readers import Rejected
from pipeline.store import NotFound, StoreUnavailable, record_key
from pipeline.transcript import is_document_id
from services import logs
from services.admission import Admitted, count_unread
from services.broker import Lane
from services.cli.installation import State, Yes, complain, confirm, err, installation, out, read_settings, refuse
from services.cli.present import show_record
from services.pressure import Busy
from services.quarantine import Quarantine
from services.settings import Settings

_LOOK_FOR_FEEDS_SECONDS = 5.0


def up(state: State = None) -> None:
    """Run the whole embedded installation until Ctrl-C: broker, object store and worker.

    Other commands with the same --state use it while it runs.
    """
    from services import broker
    from services.cli.installation import stopping_in_order
    from services.embedded import Embedded
    from services.exporter.process import address_of
    from services.feeds.subscriptions import Subscriptions
    from services.object_store import connect_store
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
        embedded.start_exporter()
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
        subscriptions = Subscriptions(connect_store(embedded.settings))
        looked_for_feeds = float("-inf")
        is_told = False
        try:
            while True:
                embedded.tend()
                if time.monotonic() - looked_for_feeds > _LOOK_FOR_FEEDS_SECONDS:
                    looked_for_feeds = time.monotonic()
                    # A poller takes 100 MB, which who has no feeds need not spare.
                    with contextlib.suppress(StoreUnavailable):
                        if subscriptions.any():
                            embedded.start_poller()
                if not is_told and (workers := present(client)):
                    is_told = True
                    for worker in workers:
                        out.print(f"worker  {worker.name}, {worker.processes} processes, metrics {worker.metrics}")
                    out.print(f"exporter  metrics {address_of(client) or 'not yet served'}")
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
    """Serve the HTTP API, until SIGTERM or Ctrl-C: transcripts in, records out. docs/api.md describes it.

    As long as no key was ever made (efir keys add), it answers this machine alone, and listens on loopback alone.
    """
    from services.api import serving
    from services.api.access import is_loopback
    from services.keys import Keys

    settings = read_settings(state)
    logs.configure(settings.log_level, settings.log_format)
    with installation(state) as here:
        if here.embedded is not None and here.embedded.is_owner:
            refuse(f"no broker is configured, and none runs on {here.settings.state.absolute()}; start one: efir up")
        if not is_loopback(host) and not Keys(here.store).ids():
            refuse(
                f"{host} can be reached from other machines, and there is no API key: make one with efir keys add, or "
                f"listen on 127.0.0.1"
            )
        _serve_metrics(here.settings)
        serving(here.settings, host, port).run()


def _serve_metrics(settings: Settings) -> None:
    """Also apart from the API, when EFIR_METRICS_PORT says where: without a key, and whether or not the store, which
    has the keys, answers. A taken port is no reason not to take in documents.
    """
    from services.metrics.exposition import registry, serve

    if not settings.metrics_port:
        return
    try:
        serve(settings.metrics_host, settings.metrics_port, registry("api"))
    except OSError as error:
        where = f"{settings.metrics_host}:{settings.metrics_port}"
        logs.get("efir.api").warning("metrics are served by the API alone", address=where, error=str(error))


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders that are searched for files to read.")],
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
        admission, ids, limits = here.admission, list[str](), here.settings.limits

        def admitted() -> Iterator[Admitted]:
            nonlocal rejected, busy
            files = (path for root in paths for path in readers.files(root))
            for found in (found for path in files for found in readers.items_of_path(path, limits)):
                if isinstance(found.found, Rejected):
                    count_unread(found.found)
                try:
                    transcript = found.transcript()
                    item = admission.admit(transcript) if no_wait else here.admit_when_possible(transcript)
                except Rejected as reason:
                    rejected += 1
                    complain("rejected", f"{found.name}: {reason}")
                    continue
                except Busy as reason:
                    busy = reason
                    complain("not admitted", f"{found.name} and what follows: {reason}")
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
        place = place_of_id(here.store, document)
        if place is None:
            what = (
                f"{document} was taken down"
                if is_removed(here.store, document)
                else f"no document {document} was admitted here"
            )
            err.print(f"[bold red]efir:[/] {what}")
            raise typer.Exit(1)
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


def rm(
    documents: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of documents.", show_default=False)],
    yes: Yes = False,
    state: State = None,
) -> None:
    """Take documents down, for ever: the document, its artifacts and its record go, its id is remembered.

    Neither the text nor another revision of the story can be admitted again. If it is interrupted, say it again.
    """
    from pipeline.takedown import take_down

    logs.configure("ERROR", "console")
    if wrong := next((name for name in documents if not is_document_id(name)), None):
        refuse(f"{wrong!r} is not an id; one looks like 0123456789abcdef-01234567")
    unknown = 0
    with installation(state) as here:
        confirm(f"Remove {len(documents):,} documents for ever?", yes)
        for name in documents:
            removal = take_down(here.store, name, "efir rm")
            if removal is None:
                unknown += 1
                complain("efir:", f"no document {name} was admitted here")
                continue
            before = f"; the revision before it, {removal.predecessor}, is still there" if removal.predecessor else ""
            out.print(f"removed {name}{before}")
    raise typer.Exit(1 if unknown else 0)


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False, state: State = None
) -> None:
    """Show queues, workers and what they have done."""
    from services.overview import overview

    logs.configure("ERROR", "console")
    with installation(state) as here:
        now = overview(here.redis, here.store, here.bundles)
    if as_json:
        sys.stdout.write(msgspec.json.encode(now).decode() + "\n")
        return
    queues = Table("stage", *(f"{lane} waiting" for lane in Lane), title="Queues", title_justify="left")
    for stage in STAGES:
        queues.add_row(stage, *(f"{now.queues[f'{stage}.{lane}']:,}" for lane in Lane))
    out.print(queues)
    out.print(f"{now.unacknowledged:,} messages in the hands of workers")
    out.print(f"{now.documents:,} documents admitted, {now.records:,} records, {now.quarantined:,} in quarantine")
    for language, count in now.unsupported.items():
        out.print(f"{count:,} wait for a model bundle of {language!r}; with one: efir reprocess --stage parse")
    if not now.workers:
        out.print("[yellow]no worker is there[/]; start one with [bold]efir worker[/] or [bold]efir up[/]")
        return
    workers = Table("worker", "processes", "stages", "lanes", "metrics", title="Workers", title_justify="left")
    for each in now.workers:
        workers.add_row(each.name, str(each.processes), ", ".join(each.stages), ", ".join(each.lanes), each.metrics)
    out.print(workers)
