"""`efir models`: what bundles are here, whether they are whole, what they score, how they are made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli import bundles, evaluation, training
from services.cli.installation import out

app = typer.Typer(help="Look at, verify, download, evaluate and train model bundles.", no_args_is_help=True)

app.command("ls")(bundles.ls)
app.command("verify")(bundles.verify)
app.command("download")(bundles.download)
app.command("eval")(evaluation.evaluate)
app.command("errors")(evaluation.errors)


app.command("train")(training.train)


@app.command("pack")
def pack_bundle(
    folder: Annotated[Path, typer.Argument(help="A folder with bundle.toml and the files it names.")],
) -> None:
    """Write a bundle's manifest anew from its bundle.toml and its files."""
    from pipeline.models.pack import pack

    out.print(f"packed {pack(folder).manifest.name}")
