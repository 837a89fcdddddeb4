"""`efir models`: what bundles are here, whether they are whole, what they score, how they are made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track
from rich.table import Table

from pipeline.models.bundle import Bundle, BundleError, installed
from services.cli.installation import complain, err, out, read_settings

app = typer.Typer(help="Look at, verify, evaluate and train model bundles.", no_args_is_help=True)

Data = Annotated[Path, typer.Option(help="Folder with sentiment/train.tsv and topics/train.tsv.", exists=True)]
Language = Annotated[str, typer.Option(help="Whose bundle.")]


@app.command("ls")
def ls() -> None:
    """List the installed bundles: files, sizes, training data, licences, scores."""
    for bundle in installed(read_settings().bundles).values():
        manifest = bundle.manifest
        total = sum(file.size for file in manifest.files.values())
        out.print(f"[bold]{manifest.name}[/] {manifest.version} · language {manifest.language} · {total / 1e6:.1f} MB")
        table = Table("file", "MB", "what", "trained on", "licence")
        for name, file in manifest.files.items():
            table.add_row(name, f"{file.size / 1e6:.1f}", file.what, "; ".join(file.trained_on), file.licence)
        out.print(table)
        for what, score in manifest.scores.items():
            out.print(f"{what}: {score}")
        stages = ", ".join(f"{stage} {fingerprint}" for stage, fingerprint in bundle.fingerprints.items())
        out.print(f"[dim]fingerprints: {stages}[/]")


@app.command("verify")
def verify() -> None:
    """Compare every model file with its bundle's manifest. Exit status 1 when one differs."""
    is_whole = True
    for bundle in installed(read_settings().bundles).values():
        for name in bundle.manifest.files:
            try:
                bundle.verify((name,))
                out.print(f"[green]ok[/]    {bundle.manifest.name}/{name}")
            except BundleError as error:
                is_whole = False
                complain("wrong", str(error))
    raise typer.Exit(0 if is_whole else 1)


@app.command("eval")
def evaluate(data: Data, language: Language = "uk") -> None:
    """Score the classifiers on the fifth of the labelled files that training held back."""
    from pipeline.models.evaluate import score_sentiment, score_topics
    from pipeline.models.neural import NeuralModels
    from pipeline.models.train.labelled import is_held_back, parse_texts, read_table
    from pipeline.stages.parse import ParseStage

    bundle = _bundle(language)
    bundle.verify()
    models = NeuralModels(bundle)
    parse = ParseStage(models)
    for name, column, score in (
        ("sentiment", "label", score_sentiment),
        ("topics", "topics", score_topics),
    ):
        texts = [text for text in read_table(data / name / "train.tsv", column) if is_held_back(text.source)]
        held_back = list(track(parse_texts(parse, texts), f"parsing {name}", total=len(texts), console=err))
        table = Table(name, "F1", "examples", title=f"{name}: {len(texts)} texts of held-back documents")
        for row in score(bundle, models, held_back):
            table.add_row(
                row.label, f"{row.f1:.3f}", str(row.support), style="bold" if row.label in {"micro", "macro"} else ""
            )
        out.print(table)


@app.command("train")
def train(
    data: Data,
    language: Language = "uk",
    teacher: Annotated[
        Path | None,
        typer.Option(
            help="Sentence encoder in the Hugging Face layout, to label more passages for the topics.", exists=True
        ),
    ] = None,
) -> None:
    """Train the sentiment and topic classifiers into the bundle, and pack it.

    With --teacher (needs the extra [bold]efir[train][/]) the topics are learned from unlabelled passages too:
    raw/corpus.jsonl.gz and transcripts/ under --data, labelled by a classifier over the encoder's embeddings.
    """
    from pipeline.models.pack import pack
    from pipeline.models.train.classifiers import train_sentiment, train_topics

    bundle = _bundle(language)
    train_sentiment(bundle, data, err.print)
    train_topics(bundle, data, teacher, err.print)
    pack(bundle.folder)
    err.print(f"packed {bundle.folder}; score it: efir models eval --data {data}")


@app.command("pack")
def pack_bundle(
    folder: Annotated[Path, typer.Argument(help="A folder with bundle.toml and the files it names.")],
) -> None:
    """Write a bundle's manifest anew from its bundle.toml and its files."""
    from pipeline.models.pack import pack

    out.print(f"packed {pack(folder).manifest.name}")


def _bundle(language: str) -> Bundle:
    bundles = installed(read_settings().bundles)
    if language not in bundles:
        err.print(f"[bold red]efir:[/] no bundle for {language!r}; there are {', '.join(bundles) or 'none'}")
        raise typer.Exit(2)
    return bundles[language]
