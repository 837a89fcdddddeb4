"""What the commands work on: the broker and store of the settings, or the embedded ones."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer
from celery import Celery
from pydantic import ValidationError
from redis import Redis
from rich.console import Console
from rich.text import Text

from pipeline.models.bundle import Bundle
from pipeline.store import ArtifactStore
from pipeline.transcript import Transcript
from services import broker
from services.admission import Admission, Admitted
from services.cli.present import printable
from services.embedded import Embedded
from services.metrics import ledger
from services.object_store import connect_store
from services.pressure import Busy
from services.settings import Settings

err = Console(stderr=True, highlight=False)
out = Console(highlight=False, width=None if sys.stdout.isatty() else 100)


def complain(problem: str, what: str) -> None:
    """Say in one line on standard error what went wrong; `what` may hold anything a file's name or text can."""
    err.print(Text.assemble((problem, "bold red"), " ", printable(what)), soft_wrap=True)


def refuse(what: str) -> NoReturn:
    """End a command that was asked for something that cannot be."""
    complain("efir:", what)
    raise typer.Exit(2)


def confirm(question: str, yes: bool) -> None:
    """Ask before what cannot be undone. Where nobody can answer, `--yes` has to be said."""
    if yes:
        return
    if not sys.stdin.isatty():
        refuse(f"{question} Say --yes to do it without being asked.")
    if not typer.confirm(question):
        raise typer.Exit(1)


State = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the embedded installation; made, kept and reused.  [default: .efir]", show_default=False
    ),
]

AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@dataclass
class Installation:
    settings: Settings
    store: ArtifactStore
    bundles: dict[str, Bundle]
    app: Celery
    redis: Redis
    embedded: Embedded | None

    @cached_property
    def admission(self) -> Admission:
        return Admission(self.settings, self.store, self.app, self.bundles)

    def admit_when_possible(self, transcript: Transcript) -> Admitted:
        """Admit, and wait while too much is waiting. Raises Rejected."""
        is_told = False
        while True:
            try:
                return self.admission.admit(transcript)
            except Busy as busy:
                if not is_told:
                    err.print(f"waiting: {busy}")
                is_told = True
                if self.embedded is not None:
                    self.embedded.start_worker()  # or nobody would ever make room
            self.tend()
            time.sleep(1)

    def tend(self) -> None:
        """Look after the embedded servers, if there are any; commands that wait call it all the while."""
        if self.embedded is not None:
            self.embedded.tend()


def read_settings(state: Path | None = None) -> Settings:
    """Settings from the environment; a wrong value is named with its variable."""
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            named = f"EFIR_{str(problem['loc'][0]).upper()}: " if problem["loc"] else ""
            complain("efir:", f"{named}{problem['msg']}")
        raise typer.Exit(2) from None
    if (settings.broker_url is None) != (settings.store_endpoint is None):
        missing = "EFIR_BROKER_URL" if settings.broker_url is None else "EFIR_STORE_ENDPOINT"
        err.print(f"[bold red]efir:[/] {missing} is not set: set broker and store both, or neither.")
        raise typer.Exit(2)
    return settings.model_copy(update={"state": state}) if state else settings


@contextmanager
def installation(state: Path | None) -> Iterator[Installation]:
    """The configured broker and store, or the embedded ones, started if nobody else runs them."""
    settings = read_settings(state)
    if not settings.is_embedded:
        store = connect_store(settings)
        store.ensure_bucket()
        yield _installation(settings, store, None)
        return
    with stopping_in_order(), Embedded(settings) as embedded:
        try:
            yield _installation(embedded.settings, connect_store(embedded.settings), embedded)
        finally:
            ledger.close()  # while the broker is still there


def _installation(settings: Settings, store: ArtifactStore, embedded: Embedded | None) -> Installation:
    return Installation(
        settings=settings,
        store=store,
        bundles=settings.shelf.in_use(),
        app=broker.create_app(settings),
        redis=broker.connect(settings),
        embedded=embedded,
    )


@contextmanager
def stopping_in_order() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into an exception, so that what was started is stopped."""

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before: dict[signal.Signals, Callable[[int, FrameType | None], object] | int | None] = {}
    for each in (signal.SIGTERM, signal.SIGHUP):
        before[each] = signal.signal(each, leave)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
