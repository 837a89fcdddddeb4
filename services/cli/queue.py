"""`efir queue`: look at the queues, pause, resume, purge."""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from pipeline.graph import STAGES
from services import logs
from services.broker import Lane
from services.cli.installation import AsJson, DryRun, State, Yes, confirm, err, installation, out, refuse
from services.cli.present import duration, printable

app = typer.Typer(help="Look at the queues; pause, resume and purge them.", no_args_is_help=True)

StageName = Annotated[str, typer.Argument(metavar="STAGE", help=f"One of {', '.join(STAGES)}.")]


def stage_named(name: str) -> str:
    if name not in STAGES:
        refuse(f"no stage is called {name}; there are {', '.join(STAGES)}")
    return name


@app.command()
def ls(as_json: AsJson = False, state: State = None) -> None:
    """Show what waits in every queue, how old it is, how fast it moves and when it will be drained."""
    from services.queues import Queues

    logs.configure("ERROR", "console")
    with installation(state) as here:
        states = Queues(here.app, here.redis).states()
    if as_json:
        sys.stdout.write(msgspec.json.encode(states).decode() + "\n")
        return
    table = Table("stage", "lane")
    for title in ("ready", "in hand", "oldest", "in/s", "out/s", "drained in"):
        table.add_column(title, justify="right")
    for each in states:
        table.add_row(
            each.stage,
            each.lane,
            f"{each.documents:,}",
            f"{each.unacknowledged_documents:,}",
            duration(each.oldest_seconds),
            f"{each.in_rate:.1f}",
            f"{each.out_rate:.1f}",
            "-" if not each.documents else "never" if each.drain_seconds is None else duration(each.drain_seconds),
        )
    out.print(table)
    out.print("[dim]in documents; rates are those of the last minute[/]")
    for stage, pause in {each.stage: each.paused for each in states if each.paused}.items():
        why = Text.assemble((f"{stage} is paused", "yellow"), f" by the {pause.by}")
        why += Text(f": {printable(pause.reason)}" if pause.reason else "")
        out.print(why, soft_wrap=True)


@app.command()
def pause(
    stage: StageName,
    reason: Annotated[str, typer.Option(help="Why, for whoever looks next.")] = "",
    dry_run: DryRun = False,
    state: State = None,
) -> None:
    """Stop taking documents of a stage, in both lanes and by every worker; what is in hand is finished."""
    from services import pauses

    stage_named(stage)
    with installation(state) as here:
        if dry_run:
            out.print(f"{stage} would be paused")
        elif pauses.pause(here.redis, stage, "operator", reason):
            out.print(f"{stage} is paused; what comes waits. Go on: [bold]efir queue resume {stage}[/]")
        else:
            out.print(f"{stage} is paused already")


@app.command()
def resume(stage: StageName, state: State = None) -> None:
    """Go on with a stage that an operator or the circuit breaker paused."""
    from services import pauses
    from services.breaker import Breaker

    stage_named(stage)
    with installation(state) as here:
        Breaker.of(here.redis, here.settings).forget(stage)
        out.print(f"{stage} goes on" if pauses.resume(here.redis, stage) else f"{stage} was not paused")


@app.command()
def purge(
    stage: StageName,
    lane: Annotated[Lane, typer.Option(help="Which lane's queue.")],
    yes: Yes = False,
    i_know: Annotated[
        bool, typer.Option("--i-know", help="Purge live documents, which somebody was told are taken care of.")
    ] = False,
    dry_run: DryRun = False,
    state: State = None,
) -> None:
    """Remove what waits in a queue. The documents stay in the store, and `efir reprocess` finds them again."""
    from services.queues import Queues

    stage_named(stage)
    with installation(state) as here:
        queues = Queues(here.app, here.redis)
        now = next(each for each in queues.states() if (each.stage, each.lane) == (stage, lane))
        what = f"{now.messages:,} messages with {now.documents:,} documents from {stage}.{lane}"
        if dry_run:
            out.print(f"would remove {what}")
            return
        if lane is Lane.LIVE and not i_know:
            refuse(
                f"{stage}.live holds {now.documents:,} documents that were acknowledged to their senders and would "
                f"not be processed. If that is meant, say --i-know; `efir reprocess --stage {stage}` brings them back."
            )
        confirm(f"Remove {what}?", yes)
        removed = queues.purge(stage, lane)
    out.print(f"removed {removed:,} messages")
    if lane is Lane.REPLAY:
        err.print("A campaign that is still running enqueues them again; to end it: [bold]efir campaigns cancel ID[/]")
