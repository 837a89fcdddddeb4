"""`efir reprocess`: run stages again over what lies in the store."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.filesize import decimal

from pipeline.graph import STAGES, closure
from pipeline.selection import Criteria, Selected, Selection
from pipeline.transcript import is_document_id, source_slug
from services import logs
from services.campaigns import Campaigns, Plan
from services.cli.installation import AsJson, DryRun, Installation, State, complain, err, installation, out, refuse
from services.cli.present import duration, printable
from services.cli.queue import stage_named

_FINGERPRINT = re.compile(r"[0-9a-f]{12}")
_DAY = "%Y-%m-%d"


def reprocess(
    stage: Annotated[str, typer.Option(help=f"Run this stage and what depends on it: {', '.join(STAGES)}.")],
    first: Annotated[datetime | None, typer.Option("--from", formats=[_DAY], help="First day of documents.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=[_DAY], help="Last day of documents.")] = None,
    source: Annotated[list[str] | None, typer.Option(help="Only documents of this source; can be repeated.")] = None,
    language: Annotated[str | None, typer.Option(help="Only documents in this language.")] = None,
    ids: Annotated[list[str] | None, typer.Option("--id", help="Only this document; can be repeated.")] = None,
    ids_from: Annotated[Path | None, typer.Option(help="Only documents named in this file, one id a line.")] = None,
    version: Annotated[
        str | None,
        typer.Option("--where-stage-version", metavar="OLD", help="Only where the stage said this, by fingerprint."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force/--stale", help="Run again what is current, too; or only what is stale.")
    ] = False,
    rate: Annotated[str | None, typer.Option(metavar="N/s", help="Documents a second, at most, as 20/s.")] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    state: State = None,
) -> None:
    """Run a stage again, and what depends on it, over what lies in the store.

    Stale is a document without an artifact by today's models, or without a record of it: after a model was changed,
    after documents were purged or dropped, after a broker was lost. A campaign of them goes to the replay lane; live
    documents go first. Follow it with [bold]efir campaigns show ID[/].

    Example: [bold]efir reprocess --stage topics --from 2026-01-01 --dry-run[/]
    """
    logs.configure("ERROR", "console")
    criteria = Criteria(
        stage=stage_named(stage),
        first=first.date() if first else None,
        last=last.date() if last else None,
        sources=tuple(source_slug(name) for name in source or ()),
        language=language,
        version=_version(version),
    )
    if first and last and first > last:
        refuse(f"--from {first:{_DAY}} is after --to {last:{_DAY}}")
    per_second = _rate(rate)
    chosen = _ids(ids or [], ids_from)
    with installation(state) as here:
        if dry_run:
            # What is made again is what is older than now, and that is everything.
            wide = msgspec.structs.replace(criteria, since=datetime.now().timestamp() + 60) if force else criteria
            _tell(here, wide, _selected(here, wide, chosen), as_json)
            return
        campaigns = Campaigns(here.store)
        campaign = campaigns.create(criteria, per_second, _asked(), force=force)
        try:
            plan = campaigns.plan(campaign, _selected(here, campaign.criteria, chosen))
        except BaseException:
            err.print(f"interrupted; [bold]efir campaigns cancel {campaign.id}[/] forgets it, resume goes on planning")
            raise
        _say_planned(here, campaign.id, plan, as_json)


def finish_plan(here: Installation, name: str) -> None:
    """Go on planning where it was interrupted."""
    campaigns = Campaigns(here.store)
    campaign = campaigns.get(name)
    assert campaign is not None
    if "--id" in campaign.asked:
        refuse("its ids were given on the command line or in a file; cancel it and ask again")
    selection = Selection(here.store, here.bundles, campaign.criteria)
    campaigns.plan(campaign, selection.all(campaigns.last_planned(name)))


def _selected(here: Installation, criteria: Criteria, chosen: Iterable[str] | None) -> Iterator[Selected]:
    selection = Selection(here.store, here.bundles, criteria)
    if chosen is None:
        return selection.all()
    return selection.among(chosen, lambda name: complain("unknown", f"no document {name} was admitted here"))


def _tell(here: Installation, criteria: Criteria, selected: Iterable[Selected], as_json: bool) -> None:
    """What would be done, and what it would cost."""
    from services.estimate import estimate
    from services.presence import present

    documents = size = 0
    starts: dict[str, int] = {}
    sizes: dict[str, int] = {}
    for item in selected:
        documents += 1
        size += item.size
        for name in {follower for begin in item.stages for follower in closure(begin)}:
            starts[name] = starts.get(name, 0) + 1
            sizes[name] = sizes.get(name, 0) + item.size
    costs = {name: estimate(here.store, [name], sizes[name]) for name in closure(criteria.stage) if name in sizes}
    seconds = sum(cost.seconds for cost in costs.values() if cost)
    stored = sum(cost.stored for cost in costs.values() if cost)
    tokens = max((cost.tokens for cost in costs.values() if cost), default=0)
    sampled = max((cost.sampled for cost in costs.values() if cost), default=0)
    processes = sum(worker.processes for worker in present(here.redis))
    said = {
        "documents": documents,
        "stages": {name: starts[name] for name in STAGES if name in starts},
        "tokens": tokens if sampled else None,
        "process_seconds": round(seconds, 1) if sampled else None,
        "stored_bytes": stored if sampled else None,
        "sampled_records": sampled,
        "processes": processes,
    }
    if as_json:
        sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
        return
    out.print(f"{documents:,} documents would be reprocessed")
    for name in (name for name in STAGES if name in starts):
        out.print(f"  {name:<10} {starts[name]:>12,}")
    if not documents:
        return
    if not sampled:
        out.print("There is no record yet to tell from what it would cost.")
        return
    out.print(f"about {tokens:,} tokens, {duration(seconds)} of computing and {decimal(stored)} to store,")
    with_all = f", {duration(seconds / processes)} for the {processes} processes that run now" if processes else ""
    out.print(f"told from {sampled} records{with_all}")


def _say_planned(here: Installation, name: str, plan: Plan, as_json: bool) -> None:
    if as_json:
        said = {"campaign": name, "documents": plan.documents, "starts": plan.starts}
        sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
        return
    if not plan.documents:
        out.print("Nothing is stale; nothing has to be done.")
        return
    starts = ", ".join(f"{count:,} from {stage}" for stage, count in plan.starts.items())
    out.print(f"campaign [bold]{name}[/]: {plan.documents:,} documents ({starts})")
    out.print(f"follow it: [bold]efir campaigns show {name}[/]")
    if here.embedded is not None and here.embedded.is_owner:
        err.print("It goes on while [bold]efir up[/] runs.")


def _asked() -> str:
    return printable(" ".join(["efir", *sys.argv[1:]]))


def _rate(text: str | None) -> float | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(?:/s)?", text.strip())
    if match is None or not float(match[1]):
        refuse(f"--rate {text}: expected documents a second, as 20/s or 0.5/s")
    return float(match[1])


def _version(text: str | None) -> str | None:
    if text is not None and not _FINGERPRINT.fullmatch(text):
        refuse(f"--where-stage-version {text}: expected 12 hex digits, as in the `stages` of a record")
    return text


def _ids(named: list[str], path: Path | None) -> Iterator[str] | None:
    """Ids from the command line and the file, streamed. None when no ids were asked for."""
    for name in named:
        if not is_document_id(name):
            refuse(f"--id {name}: an id looks like 0123456789abcdef-01234567")
    if path is None:
        return iter(named) if named else None
    if not path.is_file():
        refuse(f"--ids-from {path}: there is no such file")

    def stream() -> Iterator[str]:
        yield from named
        with path.open(encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                if not (name := line.strip()):
                    continue
                if is_document_id(name):
                    yield name
                else:
                    complain("no id", f"{path}, line {number}: {name[:60]}")

    return stream()
