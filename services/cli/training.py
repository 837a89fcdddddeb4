"""`efir models train`: a bundle's components, by its recipe."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.models.bundle import SHIPPED, BundleError
from services.cli.installation import err, refuse


class Component(StrEnum):
    pieces = "pieces"
    tokenizer = "tokenizer"
    lexicon = "lexicon"
    dictionary = "dictionary"
    syntax = "syntax"
    semantics = "semantics"
    all = "all"


def train(
    component: Annotated[Component, typer.Argument(help="One of them, or all in order.")],
    data: Annotated[Path, typer.Option(help="Folder that the recipe's paths are relative to.", exists=True)],
    encoder: Annotated[
        Path, typer.Option(help="Pretrained encoder to begin with: a BERT in the Hugging Face layout.", exists=True)
    ],
    bundle: Annotated[
        Path, typer.Option(help="Folder of the bundle: its recipe.toml is followed, its files are replaced.")
    ] = SHIPPED / "uk",
    recipe: Annotated[Path | None, typer.Option(help="Another recipe.", exists=True)] = None,
    runs: Annotated[Path, typer.Option(help="Folder for checkpoints and logs; what is there is gone on from.")] = Path(
        "runs"
    ),
    begin: Annotated[
        Path | None,
        typer.Option(help="Folder of a bundle whose weights to learn on from, instead of the encoder's.", exists=True),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, or cuda where there is a GPU.")] = "cpu",
) -> None:
    """Train components of a bundle by its recipe, and pack it where it is whole.

    A training that was interrupted goes on from its last checkpoint when the same command is given again.
    """
    from pipeline.models.pack import pack
    from pipeline.models.train.components import COMPONENTS, Workshop, make
    from pipeline.models.train.recipe import RECIPE, Recipe, RecipeError

    try:
        followed = Recipe.read(recipe or bundle / RECIPE)
        workshop = Workshop(followed, data, encoder, bundle, runs, device, err.print, begin)
        names = list(COMPONENTS) if component is Component.all else [component.value]
        if component is Component.all:
            lacking = {name for name in ("semantics", "dictionary") if getattr(followed, name) is None}
            names = [name for name in names if name not in lacking]
        for name in names:
            err.print(f"[bold]{name}[/]")
            make(name, workshop)
        pack(bundle)
    except (RecipeError, BundleError, ValueError, OSError) as error:
        refuse(str(error))
    err.print(f"packed {bundle}; score it: efir models eval --bundle {bundle} --data {data}")
