"""`efir recover`: enqueue what was admitted and got lost, after the broker lost its data."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from typing import Annotated

import msgspec
import typer

from pipeline.graph import STAGES, roots
from pipeline.selection import Criteria
from pipeline.transcript import source_slug
from services import logs
from services.broker import Lane
from services.cli.installation import AsJson, DryRun, Installation, State, err, installation, out, refuse
from services.recovery import Lost

_DAY = "%Y-%m-%d"


def recover(
    first: Annotated[datetime | None, typer.Option("--from", formats=[_DAY], help="First day of documents.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=[_DAY], help="Last day of documents.")] = None,
    source: Annotated[list[str] | None, typer.Option(help="Only documents of this source; can be repeated.")] = None,
    lane: Annotated[Lane, typer.Option(help="Behind new documents, or among them.")] = Lane.REPLAY,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    state: State = None,
) -> None:
    """Enqueue documents that were admitted and are nowhere: no record, not in quarantine, not in a queue, not in hand.

    After the broker lost its data, a queue was purged, or records were lost. It is told from listings of the store, in
    little memory. Records whose artifacts are all there are joined, and no model runs. Can be repeated: what is on its
    way is not enqueued again. What a change of models made stale is not lost: [bold]efir reprocess[/].

    Example: [bold]efir recover --dry-run[/]
    """
    from services.queues import Queues
    from services.recovery import enqueue, lost

    logs.configure("ERROR", "console")
    if first and last and first > last:
        refuse(f"--from {first:{_DAY}} is after --to {last:{_DAY}}")
    within = Criteria(
        stage=roots()[0],
        first=first.date() if first else None,
        last=last.date() if last else None,
        sources=tuple(source_slug(name) for name in source or ()),
    )
    with installation(state) as here:
        queues = Queues(here.app, here.redis)
        found = lost(here.settings, here.store, queues, here.bundles, within)
        if dry_run:
            total = Lost()
            for item in found:
                total.add(item)
        else:
            total = enqueue(here.settings, queues, found, lane, _Patience(here))
        if as_json:
            said = {**msgspec.to_builtins(total), "enqueued": 0 if dry_run else total.documents}
            sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
            return
        _tell(total, "would be enqueued" if dry_run else f"are in the {lane} lane")
        if not dry_run and total.documents and here.embedded is not None and here.embedded.is_owner:
            err.print("They wait in the queue; [bold]efir up[/] works through it.")


def _tell(total: Lost, what: str) -> None:
    if not total.documents:
        out.print("Nothing is lost.")
        return
    out.print(f"{total.documents:,} documents {what}")
    for stage in (stage for stage in STAGES if stage in total.starts):
        out.print(f"  {stage:<10} {total.starts[stage]:>12,}")
    if total.joins:
        out.print(f"{total.joins:,} of them lack nothing but their record")


class _Patience:
    """Waiting until there is room in the queues."""

    def __init__(self, here: Installation) -> None:
        self._here = here
        self._is_told = False

    def __call__(self, waiting: int) -> None:
        if not self._is_told:
            err.print(f"waiting: {waiting:,} documents are in the queues (EFIR_LOW_WATER); it goes on as they drain")
        self._is_told = True
        if self._here.embedded is not None:
            self._here.embedded.start_worker()  # or nobody would ever make room
        self._here.tend()
        time.sleep(1)
