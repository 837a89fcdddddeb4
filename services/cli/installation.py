"""What the commands work on: the broker and store of the settings, or the embedded ones."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from celery import Celery
from pydantic import ValidationError
from redis import Redis
from rich.console import Console
from rich.text import Text

from pipeline.models.bundle import Bundle, installed
from pipeline.store import ArtifactStore
from services import broker
from services.admission import Admission
from services.cli.present import printable
from services.embedded import Embedded
from services.object_store import connect_store
from services.settings import Settings

err = Console(stderr=True, highlight=False)
out = Console(highlight=False, width=None if sys.stdout.isatty() else 100)


def complain(problem: str, what: str) -> None:
    """Say in one line on standard error what went wrong; `what` may hold anything a file's name or text can."""
    err.print(Text.assemble((problem, "bold red"), " ", printable(what)), soft_wrap=True)


State = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the embedded installation; made, kept and reused.  [default: .efir]", show_default=False
    ),
]


@dataclass
class Installation:
    settings: Settings
    store: ArtifactStore
    bundles: dict[str, Bundle]
    app: Celery
    redis: Redis
    embedded: Embedded | None

    @property
    def admission(self) -> Admission:
        return Admission(self.settings, self.store, self.app, self.bundles)

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
            err.print(f"[bold red]efir:[/] EFIR_{str(problem['loc'][0]).upper()}: {problem['msg']}")
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
        yield _installation(embedded.settings, connect_store(embedded.settings), embedded)


def _installation(settings: Settings, store: ArtifactStore, embedded: Embedded | None) -> Installation:
    return Installation(
        settings=settings,
        store=store,
        bundles=installed(settings.bundles),
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
