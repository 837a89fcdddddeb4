"""`efir feeds`: subscribe to feeds, look at them, poll them."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table

from pipeline.readers import Rejected
from services import logs
from services.cli.installation import (
    AsJson,
    Installation,
    State,
    Yes,
    complain,
    confirm,
    err,
    installation,
    out,
    read_settings,
    refuse,
)
from services.cli.present import duration, printable
from services.feeds.subscriptions import Options, Pulse, Subscription, Subscriptions, feed_id

if TYPE_CHECKING:
    from services.feeds.lists import Listed
    from services.feeds.schedule import Claim, Schedule

app = typer.Typer(help="Subscribe to feeds, look at them, poll them.", no_args_is_help=True)

# How long `rm` and `add` wait for a poll of the very feed to end.
_HOLD_SECONDS = 120.0
_LIST_BYTES = 10_000_000

Source = Annotated[str, typer.Option(help="Source of its documents.  [default: the host]", show_default=False)]
Language = Annotated[str | None, typer.Option(help="Language of entries that do not name theirs, e.g. uk.")]
FullText = Annotated[bool, typer.Option("--full-text", help="Fetch the article pages, where robots.txt allows it.")]
Transcripts = Annotated[bool, typer.Option("--transcripts", help="Fetch podcast transcripts, and take them as text.")]
Interval = Annotated[
    float | None, typer.Option(min=1, help="Seconds between polls; as often as it changes when not given.")
]


class Line(msgspec.Struct):
    """One feed, as `efir feeds ls --json` prints it. Times are Unix time, seconds; `due` is null when never."""

    id: str
    url: str
    address: str
    title: str
    hub: str | None
    options: Options
    entries: int
    pulse: Pulse
    due: float | None
    is_polled_now: bool


@app.command()
def add(
    urls: Annotated[list[str], typer.Argument(metavar="URL...", help="Feeds to subscribe to.")],
    source: Source = "",
    language: Language = None,
    full_text: FullText = False,
    transcripts: Transcripts = False,
    interval: Interval = None,
    state: State = None,
) -> None:
    """Subscribe to feeds, and print their ids. One that is there already takes the new options, and is due at once."""
    from services.feeds.lists import Listed

    options = Options(source=source, language=language, full_text=full_text, transcripts=transcripts, interval=interval)
    logs.configure("ERROR", "console")
    listed = [Listed(url, "", options) for url in urls]
    with installation(state) as here:
        is_good = _subscribe(here, listed, replaces=True, spread=0.0)
        _tell_who_polls(here)
    raise typer.Exit(0 if is_good else 1)


@app.command()
def ls(as_json: AsJson = False, state: State = None) -> None:
    """List the feeds: state, interval, last change, last outcome, next poll."""
    logs.configure("ERROR", "console")
    with installation(state) as here:
        lines = sorted(_lines(here), key=lambda line: line.url)
    if as_json:
        for line in lines:
            sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
        return
    if not lines:
        out.print("no feeds; subscribe to one with [bold]efir feeds add URL[/]")
        return
    now = time.time()
    table = Table()
    for title, width in (("feed", 16), ("state", 7), ("every", 6), ("changed", 9), ("outcome", 15), ("next poll", 9)):
        table.add_column(title, no_wrap=True, min_width=width)
    table.add_column("title or URL", overflow="ellipsis", no_wrap=True, ratio=1)
    for line in lines:
        pulse = line.pulse
        due = "now" if line.is_polled_now else "never" if line.due is None else f"in {duration(max(0, line.due - now))}"
        table.add_row(
            line.id,
            pulse.status,
            duration(line.options.interval or pulse.interval or None),
            f"{duration(now - pulse.changed)} ago" if pulse.changed else "-",
            pulse.outcome,
            due,
            printable(line.title or line.url),
        )
    out.print(table)


@app.command()
def rm(
    feeds: Annotated[list[str], typer.Argument(metavar="URL|ID...", help="Feeds to unsubscribe from.")],
    yes: Yes = False,
    state: State = None,
) -> None:
    """Unsubscribe. Documents that were admitted stay; which entries were seen is forgotten."""
    from services.feeds.schedule import Schedule

    logs.configure("ERROR", "console")
    with installation(state) as here:
        subscriptions, schedule = Subscriptions(here.store), Schedule(here.redis)
        found = [_found(here, name) for name in feeds]
        confirm(f"Unsubscribe from {', '.join(feed.url for feed in found)}?", yes)
        for feed in found:
            _hold(schedule, feed)
            subscriptions.remove(feed.id)
            schedule.drop(feed.id)
            out.print(f"{feed.id} {printable(feed.url)}", markup=False)


@app.command()
def check(
    url: Annotated[str, typer.Argument(metavar="URL", help="A feed, subscribed to or not, or a page.")],
    state: State = None,
) -> None:
    """Fetch a feed once, and show what it is and what would be admitted. Admits nothing, remembers nothing."""
    from services.cli.feed_report import show
    from services.feeds.check import check as look

    logs.configure("ERROR", "console")
    report = asyncio.run(look(url, read_settings(state)))
    show(out, report)
    raise typer.Exit(0 if report.feed is not None else 1)


@app.command()
def run(
    once: Annotated[bool, typer.Option("--once", help="Poll what is due, then end.")] = False, state: State = None
) -> None:
    """Poll, until SIGTERM or Ctrl-C. Any number may run, on any number of machines. `efir up` has one of its own."""
    from services.embedded import Embedded
    from services.feeds import process

    settings = read_settings(state)
    if not settings.is_embedded:
        raise typer.Exit(process.run(settings, once=once))
    with Embedded(settings) as embedded:
        if embedded.is_owner and not once:
            refuse(f"no broker is configured, and none runs on {settings.state.absolute()}; efir up runs all")
        raise typer.Exit(process.run(embedded.settings, once=once))


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="OPML, CSV with a column `url`, or one URL a line.")],
    state: State = None,
) -> None:
    """Subscribe to the feeds of a list. Those that are there already stay as they are."""
    from services.feeds import lists

    logs.configure("ERROR", "console")
    try:
        with file.open("rb") as stream:
            data = stream.read(_LIST_BYTES + 1)
        if len(data) > _LIST_BYTES:
            refuse(f"{file}: a list of more than {_LIST_BYTES:,} bytes")
        listed = lists.read(data)
    except OSError as error:
        refuse(f"{file}: {error.strerror or error}")
    except Rejected as rejected:
        refuse(f"{file}: {rejected}")
    with installation(state) as here:
        # Not all of them in the same second.
        is_good = _subscribe(here, listed, replaces=False, spread=here.settings.feed_interval_min)
        _tell_who_polls(here)
    raise typer.Exit(0 if is_good else 1)


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Written as CSV when its name ends so, else as OPML.")],
    state: State = None,
) -> None:
    """Write all feeds with their options to a list that `import`, or another program, can read."""
    from services.feeds import lists

    logs.configure("ERROR", "console")
    with installation(state) as here:
        feeds = sorted(_all(here), key=lambda feed: feed.url)
    data = lists.to_csv(feeds) if file.suffix.lower() == ".csv" else lists.to_opml(feeds)
    try:
        file.write_bytes(data)
    except OSError as error:
        refuse(f"{file}: {error.strerror or error}")
    err.print(f"{len(feeds):,} feeds")


def _subscribe(here: Installation, listed: list[Listed], *, replaces: bool, spread: float) -> bool:
    """False when one of them is no URL that may be fetched."""
    from msgspec.structs import replace

    from services.feeds.schedule import Schedule
    from services.fetching import FetchError, checked_url

    subscriptions, schedule = Subscriptions(here.store), Schedule(here.redis)
    added, bad = [], 0
    for each in listed:
        try:
            url = str(checked_url(each.url))
        except FetchError as error:
            bad += 1
            complain("refused", f"{each.url}: {error.explanation}")
            continue
        name = feed_id(url)
        made = Subscription(id=name, url=url, added=time.time(), title=each.title, options=each.options)
        if not subscriptions.add(made):
            if not replaces:
                continue
            known = _found(here, name)
            claim = _hold(schedule, known)
            # Everything that was learnt of it is learnt anew, but for what was seen.
            subscriptions.put(replace(known, options=each.options, moved_to=None, pulse=Pulse()))
            schedule.finish(claim, 0.0, Pulse())
        added.append(name)
        sys.stdout.write(f"{name} {printable(url)}\n")
    schedule.add(added, spread)
    return bad == 0


def _tell_who_polls(here: Installation) -> None:
    if here.embedded is not None and here.embedded.is_owner:
        err.print("They are polled while [bold]efir up[/] or [bold]efir feeds run[/] runs.")


def _hold(schedule: Schedule, feed: Subscription) -> Claim:
    """Have the feed in hand, so that no poll of it writes what is changed here; wait for one that is under way."""
    deadline = time.monotonic() + _HOLD_SECONDS
    while (claim := schedule.hold(feed.id, _HOLD_SECONDS)) is None:
        if time.monotonic() > deadline:
            refuse(f"{feed.url} has been polled for {_HOLD_SECONDS:.0f} s; try again later")
        time.sleep(0.2)
    return claim


def _found(here: Installation, name: str) -> Subscription:
    from services.fetching import FetchError, checked_url

    subscriptions = Subscriptions(here.store)
    feed = subscriptions.get(name) if "/" not in name else None
    if feed is None:
        try:
            feed = subscriptions.get(feed_id(str(checked_url(name))))
        except FetchError:
            feed = None
    if feed is None:
        refuse(f"no feed {name}; `efir feeds ls` has them all")
    return feed


def _all(here: Installation) -> Iterator[Subscription]:
    from concurrent.futures import ThreadPoolExecutor

    subscriptions = Subscriptions(here.store)
    with ThreadPoolExecutor(here.settings.store_connections) as pool:
        yield from (feed for feed in pool.map(subscriptions.get, subscriptions.ids()) if feed is not None)


def _lines(here: Installation) -> Iterator[Line]:
    from services.feeds.schedule import Schedule

    schedule = Schedule(here.redis)
    pulses, waits, held, now = schedule.pulses(), schedule.waits(), schedule.held(), time.time()
    for feed in _all(here):
        wait = waits.get(feed.id)
        yield Line(
            id=feed.id,
            url=feed.url,
            address=feed.address,
            title=feed.title,
            hub=feed.hub,
            options=feed.options,
            entries=len(feed.seen),
            pulse=pulses.get(feed.id, feed.pulse),
            due=None if wait is None else now + wait,
            is_polled_now=feed.id in held and wait is not None and wait > 0,
        )
