"""`efir config`: is everything there that Efir depends on, and what are the settings."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from services import logs
from services.checks import Finding, State, check_all, check_environment
from services.checks.finding import failed
from services.cli.installation import AsJson, out, read_settings, stopping_in_order
from services.cli.installation import State as StateFolder
from services.cli.present import printable
from services.configuration import effective
from services.embedded import Embedded, EmbeddedError

app = typer.Typer(help="Check the settings and everything they name; show them.", no_args_is_help=True)

_COLOURS = {State.OK: "green", State.WARNING: "yellow", State.FAILED: "bold red"}


@app.command()
def check(as_json: AsJson = False, state: StateFolder = None) -> None:
    """Try everything that Efir depends on, and say what to do. The exit status is 1 when something has failed.

    With nothing configured, the embedded servers are tried, and started for it if they do not run. What is written to
    the store for a test lies under check/ and is removed.
    """
    logs.configure("CRITICAL", "console")
    findings = []
    for finding in _findings(state):
        findings.append(finding)
        if not as_json:
            _print(finding)
    counts = Counter(finding.state for finding in findings)
    if as_json:
        sys.stdout.write(msgspec.json.encode(findings).decode() + "\n")
    else:
        out.print(", ".join(f"{counts[each]} {each}" for each in State))
    raise typer.Exit(1 if counts[State.FAILED] else 0)


@app.command()
def show(as_json: AsJson = False, state: StateFolder = None) -> None:
    """Show the settings in effect, and where each comes from. Secrets are masked."""
    settings = read_settings(state)
    made = {"state": "--state"} if state else {}
    if settings.is_embedded:
        made |= dict.fromkeys(("broker_url", "store_endpoint", "store_access_key", "store_secret_key"), "embedded")
    rows = list(effective(settings, made))
    if as_json:
        sys.stdout.write(msgspec.json.encode([row._asdict() for row in rows]).decode() + "\n")
        return
    table = Table("variable", "value", "from")
    for row in rows:
        style = "dim" if row.origin == "default" else ""
        table.add_row(row.variable, Text(printable(row.value)), row.origin, style=style)
    out.print(table)


def _findings(state: StateFolder) -> Iterator[Finding]:
    is_usable = True
    for finding in check_environment():
        # A variable that is misspelt leaves the others as they are.
        is_usable = is_usable and (finding.state != State.FAILED or "there is no setting" in finding.found)
        yield finding
    if not is_usable:
        return
    settings = read_settings(state)
    if not settings.is_embedded:
        yield from check_all(settings, is_embedded=False)
        return
    try:
        with stopping_in_order(), Embedded(settings) as embedded:
            yield from check_all(embedded.settings, is_embedded=True)
    except EmbeddedError as error:
        yield failed("embedded", str(error), f"read the log it names; see that {settings.state} is yours to write")


def _print(finding: Finding) -> None:
    """As soon as it is found: some of them take seconds."""
    line = Table.grid(padding=(0, 2))
    line.add_column(width=7)
    line.add_column(width=23)
    line.add_column(overflow="fold")
    said = Text(printable(finding.found))
    if finding.todo:
        said += Text(f"\n→ {printable(finding.todo)}", style=_COLOURS[finding.state])
    line.add_row(Text(finding.state, style=_COLOURS[finding.state]), finding.what, said)
    out.print(line)
