"""`efir quarantine`: documents that could not be processed: look, try again, drop."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import groupby
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from pipeline.graph import STAGES
from pipeline.identity import place_of_id
from pipeline.store import NotFound, document_key
from pipeline.transcript import Place, is_document_id
from services import logs
from services.cli.installation import (
    AsJson,
    DryRun,
    Installation,
    State,
    Yes,
    complain,
    confirm,
    installation,
    out,
    refuse,
)
from services.cli.present import printable
from services.cli.queue import stage_named
from services.quarantine import Entry, Quarantine

app = typer.Typer(help="Documents that could not be processed: look, try again, drop.", no_args_is_help=True)

DocumentId = Annotated[str | None, typer.Argument(metavar="[ID]", help="A document's id.")]
Everything = Annotated[bool, typer.Option("--all", help="Every document in quarantine.")]
Stage = Annotated[str | None, typer.Option(help="Only those that this stage gave up.")]
Reason = Annotated[str | None, typer.Option(help="Only those with this reason, as `efir quarantine ls` prints it.")]


@app.command()
def ls(stage: Stage = None, reason: Reason = None, as_json: AsJson = False, state: State = None) -> None:
    """List what is in quarantine, one line an entry."""
    logs.configure("ERROR", "console")
    with installation(state) as here:
        entries = Quarantine(here.store).entries(_stages(stage), reason)
        if as_json:
            for entry in entries:
                sys.stdout.write(msgspec.json.encode(entry).decode() + "\n")
            return
        table = Table()
        for title in ("document", "stage", "kind", "reason"):
            table.add_column(title, no_wrap=True)
        table.add_column("tries", justify="right")
        table.add_column("since", no_wrap=True)
        table.add_column("error", overflow="ellipsis", no_wrap=True, ratio=1)
        for entry in entries:
            row = (entry.document, entry.stage, entry.kind, entry.reason, str(entry.tries), f"{entry.at:%m-%d %H:%M}")
            table.add_row(*row, printable(entry.error))
    out.print(table if table.row_count else "nothing is in quarantine")


@app.command()
def show(
    document: Annotated[str, typer.Argument(metavar="ID", help="A document's id.")],
    as_json: AsJson = False,
    state: State = None,
) -> None:
    """Show why a document is in quarantine, with the traceback, and the document."""
    logs.configure("ERROR", "console")
    with installation(state) as here:
        place = _place(here, document)
        entries = Quarantine(here.store).of(place)
        try:
            data = here.store.get(document_key(place)).decode()
        except NotFound:
            data = "null"
    if not entries:
        refuse(f"{document} is not in quarantine")
    if as_json:
        said = {"entries": entries, "document": msgspec.Raw(data.encode())}
        sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
        return
    for entry in entries:
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim")
        table.add_row("document", entry.document)
        table.add_row("stage", entry.stage)
        table.add_row("kind", entry.kind)
        table.add_row("error", printable(entry.error))
        table.add_row(
            "given up", f"{entry.at:%Y-%m-%d %H:%M:%S} UTC, {entry.tries} times, {entry.deliveries} deliveries"
        )
        out.print(table)
        if entry.traceback:
            out.print(entry.traceback, markup=False, style="dim")
    out.print(msgspec.json.format(data, indent=1), markup=False)


@app.command()
def replay(
    document: DocumentId = None,
    everything: Everything = False,
    stage: Stage = None,
    reason: Reason = None,
    dry_run: DryRun = False,
    state: State = None,
) -> None:
    """Try again, in the replay lane. What fails again comes back to quarantine; what succeeds leaves it."""
    from services.quarantine import replay as replay_entries
    from services.queues import Queues

    with installation(state) as here:
        entries = _chosen(here, document, everything, stage, reason)
        if dry_run:
            out.print(f"{sum(1 for _ in entries):,} entries would be replayed")
            return
        count = replay_entries(entries, Queues(here.app, here.redis))
    out.print(f"{count:,} documents are in the replay lane")


@app.command()
def drop(
    document: DocumentId = None,
    everything: Everything = False,
    stage: Stage = None,
    reason: Reason = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    state: State = None,
) -> None:
    """Remove entries. The documents stay in the store without a record, and are stale for `efir reprocess`."""
    with installation(state) as here:
        quarantine = Quarantine(here.store)
        count = sum(1 for _ in _chosen(here, document, everything, stage, reason))
        if dry_run:
            out.print(f"{count:,} entries would be dropped")
            return
        confirm(f"Drop {count:,} entries?", yes)
        for name, entries in groupby(_chosen(here, document, everything, stage, reason), lambda entry: entry.stage):
            quarantine.drop([Place.parse(entry.place) for entry in entries], [name])
    out.print(f"dropped {count:,} entries")


def _chosen(
    here: Installation, document: str | None, everything: bool, stage: str | None, reason: str | None
) -> Iterator[Entry]:
    """Exactly one of: an id, everything, or a bound."""
    quarantine = Quarantine(here.store)
    if (document is None) == (not everything and stage is None and reason is None):
        refuse("say which: an ID, --all, --stage or --reason")
    if document is None:
        return quarantine.entries(_stages(stage), reason)
    entries = quarantine.of(_place(here, document))
    if not entries:
        complain("efir:", f"{document} is not in quarantine")
        raise typer.Exit(1)
    return iter(entries)


def _stages(stage: str | None) -> tuple[str, ...]:
    return STAGES if stage is None else (stage_named(stage),)


def _place(here: Installation, document: str) -> Place:
    if not is_document_id(document):
        refuse(f"{document!r} is not an id; one looks like 0123456789abcdef-01234567")
    place = place_of_id(here.store, document)
    if place is None:
        refuse(f"no document {document} was admitted here")
    return place
