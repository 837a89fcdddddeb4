"""`efir models eval` and `efir models errors`: what a bundle scores, and what it takes for what."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table

from pipeline import graph
from pipeline.models.bundle import Bundle
from services.cli.installation import err, out, read_settings, refuse
from services.cli.present import printable

if TYPE_CHECKING:
    from pipeline.models.evaluate.errors import Confusions
    from pipeline.models.evaluate.scores import Report

Data = Annotated[
    Path,
    typer.Option(
        help="Folder with ud/, ner/, sentiment/ and topics/, as docs/models.md says.", exists=True, file_okay=False
    ),
]
Which = Annotated[str, typer.Option("--bundle", help="A bundle's name, its language, or its folder.")]
Only = Annotated[str, typer.Option(help="Stages, separated by commas.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write the figures to this file as well.", dir_okay=False)]


def evaluate(data: Data, bundle: Which = "uk", only: Only = ",".join(graph.STAGES), json: Json = None) -> None:
    """Score a bundle from raw text through its stages, with 95% intervals (bootstrap, 1,000 samples)."""
    from pipeline.models.evaluate.reading import Reader
    from pipeline.models.evaluate.scores import evaluate as score
    from pipeline.models.evaluate.treebank import EvaluationError

    parts, chosen = _parts(only), find_bundle(bundle)
    try:
        with err.status("reading") as status:
            report = score(Reader(chosen), data, parts, status.update)
    except EvaluationError as error:
        refuse(str(error))
    _show_scores(report)
    _write(json, report)


def errors(
    data: Data,
    bundle: Which = "uk",
    only: Only = "parse,entities",
    most: Annotated[int, typer.Option(help="How many of each kind.", min=1)] = 20,
    contexts: Annotated[int, typer.Option(help="Show so many places of each.", min=0)] = 0,
    json: Json = None,
) -> None:
    """Count what a bundle takes for what, on data that is there to develop on: the most frequent first."""
    from pipeline.models.evaluate.errors import TREEBANK, confusions, has_learned_from_it
    from pipeline.models.evaluate.reading import Reader
    from pipeline.models.evaluate.treebank import EvaluationError

    parts, chosen = _parts(only), find_bundle(bundle)
    try:
        with err.status("reading") as status:
            found = confusions(Reader(chosen), data, parts, most, contexts, status.update)
    except EvaluationError as error:
        refuse(str(error))
    if "parse" in parts and has_learned_from_it(chosen.manifest):
        err.print(f"[yellow]{chosen.manifest.name} has learned from {TREEBANK}: it errs less there than elsewhere[/]")
    _show_confusions(found)
    _write(json, found)


def find_bundle(name: str) -> Bundle:
    """The installed bundle of this name or language, or the one in this folder."""
    if (Path(name) / "manifest.json").is_file():
        return Bundle(Path(name))
    bundles = read_settings().shelf.bundles()
    in_use = read_settings().shelf.in_use()
    found = bundles.get(name) or in_use.get(name)
    if found is None:
        refuse(f"no bundle is called {name!r}; there are {', '.join(bundles) or 'none'}")
    return found


def _parts(only: str) -> list[str]:
    parts = [part.strip() for part in only.split(",") if part.strip()]
    unknown = [part for part in parts if part not in graph.STAGES]
    if unknown or not parts:
        refuse(f"--only wants stages ({', '.join(graph.STAGES)}), not {', '.join(unknown) or 'nothing'}")
    return parts


def _show_scores(report: Report) -> None:
    out.print(f"[bold]{report.bundle}[/] {report.version}, from raw text; F1 with its 95% interval, in percent")
    for table in report.tables:
        out.print(f"\n[bold]{table.name}[/], {table.how} ({table.units:,} {table.unit} drawn)")
        shown = Table("")
        for column in ("F1", "95%", "precision", "recall", "gold"):
            shown.add_column(column, justify="right")
        for row in table.rows:
            shown.add_row(
                row.label,
                _percent(row.f1),
                f"{_percent(row.low)}-{_percent(row.high)}",
                _percent(row.precision),
                _percent(row.recall),
                f"{row.gold:,}",
                style="bold" if row.label in {"micro", "macro"} else "",
            )
        out.print(shown)


def _show_confusions(found: Confusions) -> None:
    for table in found.tables:
        out.print(f"\n[bold]{table.name}[/], {table.wrong:,} of {table.all:,} wrong")
        shown = Table("gold", "said")
        shown.add_column("times", justify="right")
        shown.add_column("of the wrong", justify="right")
        for row in table.rows:
            shown.add_row(row.gold, row.said, f"{row.times:,}", f"{100 * row.times / table.wrong:.1f}%")
        out.print(shown)
        for row in table.rows:
            for context in row.contexts:
                out.print(f"  {printable(f'{row.gold} > {row.said}: {context}')}", markup=False)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _write(path: Path | None, thing: msgspec.Struct) -> None:
    if path is not None:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(thing), indent=1) + b"\n")
        err.print(f"written to {path}")
