"""`efir campaigns`: how reprocessing goes, and steering it."""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec
import typer
from rich.table import Table

from services import logs
from services.campaigns import Campaigns, Order, View
from services.cli.installation import AsJson, DryRun, Installation, State, installation, out, refuse
from services.cli.present import duration, printable

app = typer.Typer(help="Follow and steer reprocessing.", no_args_is_help=True)

CampaignId = Annotated[str, typer.Argument(metavar="ID", help="As `efir reprocess` and `efir campaigns ls` print it.")]


@app.command()
def ls(
    everything: Annotated[bool, typer.Option("--all", help="Those that ended, too, however long ago.")] = False,
    as_json: AsJson = False,
    state: State = None,
) -> None:
    """Show campaigns: the last twenty, and all that are under way."""
    logs.configure("ERROR", "console")
    with installation(state) as here:
        campaigns = Campaigns(here.store)
        names, active = list(campaigns.all()), set(campaigns.active())
        chosen = [name for at, name in enumerate(names) if everything or name in active or at >= len(names) - 20]
        views = [view for name in chosen if (view := campaigns.view(name)) is not None]
    if as_json:
        sys.stdout.write(msgspec.json.encode(views).decode() + "\n")
        return
    if not views:
        out.print("no campaign was started; start one with [bold]efir reprocess[/]")
        return
    table = Table("campaign", "status")
    for title in ("documents", "done", "failed", "remaining", "per s", "ends in"):
        table.add_column(title, justify="right")
    for view in views:
        table.add_row(view.id, _status(view), *_counts(view))
    out.print(table)


@app.command()
def show(campaign: CampaignId, as_json: AsJson = False, state: State = None) -> None:
    """Show one campaign: what was asked for and how far it is."""
    logs.configure("ERROR", "console")
    with installation(state) as here:
        view = _view(here, campaign)
    if as_json:
        sys.stdout.write(msgspec.json.encode(view).decode() + "\n")
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_row("campaign", view.id)
    table.add_row("asked", printable(view.asked))
    table.add_row("created", f"{view.created:%Y-%m-%d %H:%M:%S} UTC")
    table.add_row("status", _status(view))
    for title, value in zip(
        ("documents", "done", "failed", "remaining", "per second", "ends in"), _counts(view), strict=True
    ):
        table.add_row(title, value)
    out.print(table)
    if view.failed:
        out.print("What failed is in quarantine: [bold]efir quarantine ls[/]")


@app.command()
def pause(campaign: CampaignId, state: State = None) -> None:
    """Enqueue nothing more of a campaign for now. What is enqueued, a few thousand documents at most, is finished."""
    with installation(state) as here:
        _under_way(here, campaign)
        Campaigns(here.store).give_order(campaign, Order.PAUSE)
    out.print(f"{campaign} is paused; go on: [bold]efir campaigns resume {campaign}[/]")


@app.command()
def resume(campaign: CampaignId, state: State = None) -> None:
    """Go on with a paused campaign, or finish the plan of one whose planning was interrupted."""
    from services.cli.reprocess import finish_plan

    with installation(state) as here:
        view = _under_way(here, campaign)
        campaigns = Campaigns(here.store)
        if view.status == "planning":
            finish_plan(here, campaign)
        campaigns.give_order(campaign, Order.RUN)
    out.print(f"{campaign} goes on")


@app.command()
def cancel(campaign: CampaignId, dry_run: DryRun = False, state: State = None) -> None:
    """End a campaign. What is done stays done; what is enqueued is dropped when its turn comes."""
    from services.campaigns import Progress, cancel_messages

    with installation(state) as here:
        view = _under_way(here, campaign)
        if dry_run:
            out.print(f"{campaign} would be cancelled; {view.remaining:,} documents would not be reprocessed")
            return
        campaigns = Campaigns(here.store)
        campaigns.give_order(campaign, Order.CANCEL)
        cancel_messages(here.redis, campaign)
        if view.status == "planning":  # the dispatcher does not know of it
            campaigns.end(campaign, Progress(status="cancelled"))
    out.print(f"{campaign} is cancelled")


def _view(here: Installation, campaign: str) -> View:
    view = Campaigns(here.store).view(campaign)
    if view is None:
        refuse(f"no campaign is called {campaign}; see efir campaigns ls")
    return view


def _under_way(here: Installation, campaign: str) -> View:
    view = _view(here, campaign)
    if view.status in {"done", "cancelled"}:
        refuse(f"{campaign} is {view.status} already")
    return view


def _status(view: View) -> str:
    colour = {"done": "green", "running": "cyan", "paused": "yellow", "planning": "yellow"}.get(view.status, "dim")
    return f"[{colour}]{view.status}[/]"


def _counts(view: View) -> list[str]:
    ends = "-"
    if view.ends is not None and view.rate:
        ends = duration(view.remaining / view.rate)
    return [
        f"{view.documents:,}",
        f"{view.done:,}",
        f"{view.failed:,}",
        f"{view.remaining:,}",
        f"{view.rate:.1f}",
        ends,
    ]
