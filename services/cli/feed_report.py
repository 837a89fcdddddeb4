"""What `efir feeds check` found, as a person reads it in a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from pipeline.readers.feed import Feed
from services.cli.present import duration, printable
from services.feeds.check import Report, warnings

_SHOWN = 10


def show(console: Console, report: Report) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("url", printable(report.url))
    table.add_row(
        "outcome", printable(f"{report.outcome}: {report.explanation}" if report.explanation else report.outcome)
    )
    if report.headers is not None:
        table.add_row("fetched", f"{report.size:,} bytes in {report.seconds:.1f} s")
    for url in report.linked:
        table.add_row("links to", printable(url))
    if (feed := report.feed) is not None:
        table.add_row("format", feed.format)
        table.add_row("title", printable(feed.title))
        table.add_row("language", feed.language or "-")
        table.add_row("first interval", duration(report.first_interval))
        if feed.hub:
            table.add_row("hub", f"{printable(feed.hub)} (WebSub, which Efir does not use: it polls)")
        table.add_row("entries", str(len(feed.entries)))
    for warning in warnings(report):
        table.add_row("note", printable(warning))
    console.print(table)
    if feed is not None and feed.entries:
        console.print(_entries(feed))


def _entries(feed: Feed) -> Table:
    table = Table(title=f"the first {min(_SHOWN, len(feed.entries))} entries", title_justify="left")
    table.add_column("published", no_wrap=True)
    table.add_column("characters", justify="right")
    table.add_column("title", overflow="ellipsis", no_wrap=True, ratio=1)
    table.add_column("url", overflow="ellipsis", no_wrap=True, ratio=1)
    for entry in feed.entries[:_SHOWN]:
        published = entry.published or entry.updated
        table.add_row(
            f"{published:%Y-%m-%d %H:%M}" if published else "-",
            f"{len(entry.text):,}",
            printable(entry.title),
            printable(entry.url or "-"),
        )
    return table
