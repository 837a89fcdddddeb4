"""`efir run`: admit files, wait for their records, show them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TextIO, get_args

import msgspec
import typer
from redis.exceptions import RedisError
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from pipeline import readers
from pipeline.artifact import Record
from pipeline.graph import STAGES
from pipeline.readers import Rejected
from pipeline.record import current_record
from pipeline.store import StoreUnavailable
from pipeline.takedown import removal_of
from pipeline.transcript import Place
from services import logs
from services.admission import Admitted, count_unread
from services.cli.installation import Installation, State, complain, err, installation, out
from services.cli.present import show_record
from services.progress import Notice
from services.progress import Progress as Notices
from services.quarantine import Quarantine

_STEPS = (*STAGES, "record")
# Notices may be lost with a broker; the store is asked this often about what is still missing.
_ASK_STORE_SECONDS = 5.0
_ASK_STORE_DOCUMENTS = 50
_NO_WORKER_SECONDS = 20.0
# How long a broker or store may be away before waiting for it makes no sense.
_AWAY_SECONDS = 60.0

Status = Literal["done", "rejected", "quarantined", "unsupported"]


class Line(msgspec.Struct):
    """One line of `index.jsonl`."""

    input: str
    id: str | None
    status: Status
    reason: str | None


@dataclass
class Input:
    """One document of a file, and what became of it. A file may hold many: `feed.jsonl:12`, `pages.warc#3`."""

    name: str
    admitted: Admitted | None = None
    rejected: Rejected | None = None


def run(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders that are searched for files to read.")],
    out_dir: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write {id}.json, {id}.conllu and index.jsonl there.")
    ] = None,
    language: Annotated[str | None, typer.Option(help="Language of files that do not name theirs.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the records as JSON lines.")] = False,
    state: State = None,
) -> None:
    """Read transcripts and show what is in them.

    Admits the files, waits until every stage has run, and prints each document: topics, entities, sentiment. A file
    that was read before is not read again. The exit status is 0 when every input was done, and 1 when one was rejected,
    quarantined or in a language without models; the others are finished all the same.

    Examples: [bold]efir run speech.txt[/], [bold]efir run archive/ --out results/[/]
    """
    logs.configure("ERROR", "console")
    with installation(state) as here:
        if language:
            here.settings = here.settings.model_copy(update={"language": language})
        files = [path for root in paths for path in readers.files(root)]
        for root in paths:
            if root.is_dir() and not any(root in path.parents for path in files):
                others = ", ".join(suffix for suffix in readers.suffixes() if suffix not in {".txt", ".json"})
                complain("nothing to read:", f"{root}: no .txt or .json file in it, and none of {others}")
        lines = _Run(here, files).finish(out_dir, as_json)
    raise typer.Exit(0 if all(line.status == "done" for line in lines) else 1)


class _Run:
    """One run: its inputs, and how far each document has come."""

    def __init__(self, here: Installation, files: list[Path]) -> None:
        self._here = here
        self._files = files
        self._inputs: list[Input] = []
        self._pending: dict[str, Place] = {}
        self._bars: _Bars | None = None

    def finish(self, out_dir: Path | None, as_json: bool) -> list[Line]:
        notices = Notices(self._here.redis, self._here.settings.progress_length)
        position = notices.position()
        self._here.admission.enqueue(self._admit())
        if self._pending:
            if self._here.embedded is not None:
                self._here.embedded.start_worker()
            with _Bars(len(self._pending), is_terminal=sys.stderr.isatty()) as self._bars:
                self._wait(notices, position)
        return self._report(out_dir, as_json)

    def _admit(self) -> Iterator[Admitted]:
        limits = self._here.settings.limits
        for item in (item for path in self._files for item in readers.items_of_path(path, limits)):
            entry = Input(item.name)
            self._inputs.append(entry)
            self._here.tend()
            if isinstance(item.found, Rejected):
                count_unread(item.found)
            try:
                entry.admitted = self._here.admit_when_possible(item.transcript())
            except Rejected as rejected:
                entry.rejected = rejected
                continue
            if entry.admitted.is_to_process and entry.admitted.place.id not in self._pending:
                self._pending[entry.admitted.place.id] = entry.admitted.place
                yield entry.admitted

    def _wait(self, notices: Notices, position: str) -> None:
        """Until nothing is pending. A broker or store that goes away is waited for, within a bound."""
        asked = heard = answered = time.monotonic()
        is_warned = False
        while self._pending:
            self._here.tend()
            try:
                for heard_at, notice in notices.since(position, wait_seconds=0.5):
                    position, heard = heard_at, time.monotonic()
                    self._hear(notice)
                if time.monotonic() - asked > _ASK_STORE_SECONDS:
                    asked = time.monotonic()
                    self._ask_store()
                if time.monotonic() - heard > _NO_WORKER_SECONDS and not is_warned and self._nobody_works():
                    is_warned = True
                    err.print("[yellow]No worker is there.[/] The documents wait in the queue; start one: efir worker")
                answered = time.monotonic()
            except (RedisError, StoreUnavailable):
                if time.monotonic() - answered > _AWAY_SECONDS:
                    raise
                time.sleep(0.5)

    def _ask_store(self) -> None:
        """Some of the pending, in turn: those asked now are asked again after all others."""
        for place in list(self._pending.values())[:_ASK_STORE_DOCUMENTS]:
            del self._pending[place.id]
            if self._record(place) is None and not self._is_given_up(place):
                self._pending[place.id] = place

    def _is_given_up(self, place: Place) -> bool:
        store = self._here.store
        return Quarantine(store).find(place) is not None or removal_of(store, place.id) is not None

    def _hear(self, notice: Notice) -> None:
        for name in notice.documents:
            if name in self._pending:
                assert self._bars is not None
                self._bars.advance(notice.stage)
                if notice.stage == "record" or notice.outcome == "quarantined":
                    self._settle(name)

    def _settle(self, name: str) -> None:
        del self._pending[name]

    def _nobody_works(self) -> bool:
        from services.presence import present

        return not present(self._here.redis)

    def _record(self, place: Place) -> Record | None:
        return current_record(self._here.store, place, self._here.bundles)

    def _report(self, out_dir: Path | None, as_json: bool) -> list[Line]:
        """Print every record, in the order of the inputs, and name what has none."""
        if out_dir is not None:
            out_dir.mkdir(parents=True, exist_ok=True)
        index: AbstractContextManager[TextIO | None] = (
            (out_dir / "index.jsonl").open("w", encoding="utf-8") if out_dir is not None else nullcontext()
        )
        lines: list[Line] = []
        with index as file:
            for entry in self._inputs:
                line = self._report_one(entry, out_dir, as_json)
                lines.append(line)
                if file is not None:
                    file.write(msgspec.json.encode(line).decode() + "\n")
        if not as_json:
            _summarise(lines)
        return lines

    def _report_one(self, entry: Input, out_dir: Path | None, as_json: bool) -> Line:
        name = entry.name
        if entry.admitted is None:
            assert entry.rejected is not None
            complain("rejected", f"{name}: {entry.rejected}")
            return Line(name, None, "rejected", str(entry.rejected))
        place = entry.admitted.place
        if entry.admitted.verdict == "unsupported-language":
            complain("unsupported language", f"{name} ({place.id}) is kept until a bundle of its language is installed")
            return Line(name, place.id, "unsupported", "no bundle of its language is installed")
        record = self._record(place)
        if record is None:
            found = Quarantine(self._here.store).find(place)
            reason = f"{found.stage}: {found.error}" if found else "its record is not in the store"
            complain("quarantined", f"{name} ({place.id}): {reason}")
            return Line(name, place.id, "quarantined", reason)
        if as_json:
            sys.stdout.write(msgspec.json.encode(record).decode() + "\n")
        else:
            show_record(out, record)
        if out_dir is not None:
            (out_dir / f"{record.id}.json").write_bytes(
                msgspec.json.format(msgspec.json.encode(record), indent=1) + b"\n"
            )
            (out_dir / f"{record.id}.conllu").write_bytes(self._conllu(record, place))
        return Line(name, place.id, "done", None)

    def _conllu(self, record: Record, place: Place) -> bytes:
        key = record.stages["parse"].artifact
        return self._here.store.get(key.removesuffix(".json") + ".conllu")


class _Bars:
    """A bar per stage on a terminal; elsewhere a plain line when a stage has come a tenth further."""

    def __init__(self, total: int, *, is_terminal: bool) -> None:
        self._total = total
        self._done = dict.fromkeys(_STEPS, 0)
        self._started = time.monotonic()
        self._progress: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        if is_terminal:
            self._progress = Progress(
                TextColumn("{task.description:>10}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=err,
                transient=True,
            )
            self._tasks = {step: self._progress.add_task(step, total=total) for step in _STEPS}
        else:
            err.print(f"{total} document{'s' * (total != 1)} to read")

    def __enter__(self) -> _Bars:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def advance(self, step: str) -> None:
        self._done[step] += 1
        if self._progress is not None:
            self._progress.advance(self._tasks[step])
        elif (
            self._done[step] == self._total
            or self._done[step] * 10 // self._total > (self._done[step] - 1) * 10 // self._total
        ):
            seconds = time.monotonic() - self._started
            err.print(f"{seconds:6.1f} s  {step:<9} {self._done[step]}/{self._total}")


def _summarise(lines: list[Line]) -> None:
    counts = {status: sum(line.status == status for line in lines) for status in get_args(Status)}
    said = [f"{count} {status}" for status, count in counts.items() if count]
    err.print(", ".join(said) if said else "nothing to read")
