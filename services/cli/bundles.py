"""`efir models ls`, `verify`, `download`: what bundles are here, what they may be used for, whether they are whole."""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec
import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from pipeline.models.bundle import Bundle, BundleError, ModelFile
from pipeline.models.licences import Commercial, licences_of
from pipeline.models.shelf import Shelf
from services.cli.installation import AsJson, State, complain, err, out, read_settings
from services.cli.present import printable

_COLOURS = {Commercial.YES: "green", Commercial.NO: "red", Commercial.UNKNOWN: "yellow"}


class Line(msgspec.Struct):
    """A bundle as `efir models ls --json` prints it. `lacks` are stages it has no files for: it cannot be used."""

    name: str
    version: str
    language: str
    folder: str
    is_used: bool
    bytes: int
    commercial_use: Commercial
    lacks: tuple[str, ...]
    fingerprints: dict[str, str]
    scores: dict[str, str]
    files: dict[str, ModelFile]


def ls(as_json: AsJson = False, state: State = None) -> None:
    """List the installed bundles: which are used, files, sizes, training data, licences, scores."""
    shelf = read_settings(state).shelf
    bundles, used = shelf.bundles(), _used(shelf)
    for name, bundle in bundles.items():
        line = _line(bundle, name in used)
        if as_json:
            sys.stdout.write(msgspec.json.encode(line).decode() + "\n")
        else:
            _print(bundle, line)
    if not bundles and not as_json:
        out.print(f"there are no bundles in {' or '.join(map(str, shelf.folders))}")


def verify(state: State = None) -> None:
    """Compare every model file with its bundle's manifest. Exit status 1 when one differs."""
    is_whole = True
    for bundle in read_settings(state).shelf.bundles().values():
        for name in bundle.manifest.files:
            try:
                bundle.verify((name,))
                out.print(f"[green]ok[/]    {bundle.name}/{name}")
            except BundleError as error:
                is_whole = False
                complain("wrong", str(error))
    raise typer.Exit(0 if is_whole else 1)


def download(
    language: Annotated[str, typer.Argument(help="ISO 639-1, such as uk or pl.")],
    package: Annotated[
        str, typer.Option(help="Stanza's package: default, default_fast (no character models), or a treebank's name.")
    ] = "default",
    name: Annotated[
        str | None, typer.Option(help="What to call the bundle.  [default: LANGUAGE-stanza]", show_default=False)
    ] = None,
    classifiers: Annotated[
        str | None,
        typer.Option(
            metavar="BUNDLE",
            help="The bundle that sentiment and topics, of which Stanza has no models, are taken from.  "
            "[default: the language's]",
            show_default=False,
        ),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a bundle of that name that differs.")] = False,
    resources_url: Annotated[
        str | None, typer.Option(help="Where Stanza's lists of resources lie, such as a mirror.", show_default=False)
    ] = None,
    model_url: Annotated[
        str | None,
        typer.Option(
            help="Where its models lie: an address with {lang}, {resources_version} and {filename}.", show_default=False
        ),
    ] = None,
    state: State = None,
) -> None:
    """Fetch the models that Stanza publishes for a language, and make a bundle of them.

    It is put into EFIR_OWN_BUNDLES, by default models/ of the state folder, when all of it is there, has the digests
    that Stanza's list promises, and has run once. Interrupted, the same command goes on from there.
    """
    settings = read_settings(state)
    # Stanza's own variables (STANZA_RESOURCES_URL, STANZA_MODEL_URL) are read by Stanza.
    from stanza.resources import common

    from services.downloading import Downloader, DownloadError, client
    from services.model_download import Source, Wish, download

    default_models = None if common.DEFAULT_MODEL_URL == "default" else str(common.DEFAULT_MODEL_URL)
    source = Source(
        resources_url or str(common.DEFAULT_RESOURCES_URL),
        str(common.DEFAULT_RESOURCES_VERSION),
        model_url or default_models,
    )
    wish = Wish(language, package, name, classifiers, replace)
    try:
        with client() as http, _Bars() as bars:
            bundle = download(settings.shelf, settings.own_shelf, wish, source, Downloader(http), bars.tell)
    except (DownloadError, BundleError) as error:
        complain("efir:", str(error))
        raise typer.Exit(1) from None
    is_used = bundle.name in _used(settings.shelf)
    _print(bundle, _line(bundle, is_used))
    if bundle.lacks:
        err.print(
            f"It cannot be used yet: it has nothing for {' and '.join(bundle.lacks)}, of which Stanza publishes no "
            f"models that fit. How to train them: docs/models.md, Add a language."
        )
    elif not is_used:
        err.print(f"It is in {bundle.folder}. To use it: EFIR_MODELS={bundle.language}={bundle.name}")


def _used(shelf: Shelf) -> set[str]:
    """The names of the bundles that are used. Where that cannot be told, it is said, and none is."""
    try:
        return {bundle.name for bundle in shelf.in_use().values()}
    except BundleError as error:
        complain("efir:", str(error))
        return set()


def _line(bundle: Bundle, is_used: bool) -> Line:
    manifest = bundle.manifest
    return Line(
        name=bundle.name,
        version=manifest.version,
        language=bundle.language,
        folder=str(bundle.folder),
        is_used=is_used,
        bytes=bundle.size,
        commercial_use=licences_of(manifest).commercial,
        lacks=bundle.lacks,
        fingerprints={} if bundle.lacks else bundle.fingerprints,
        scores=manifest.scores,
        files=manifest.files,
    )


def _print(bundle: Bundle, line: Line) -> None:
    licences = licences_of(bundle.manifest)
    role = f"used for {line.language}" if line.is_used else "not used"
    if line.lacks:
        role = f"lacks {' and '.join(line.lacks)}: cannot be used"
    out.print(
        Text.assemble(
            (line.name, "bold"),
            f" {line.version} · language {line.language} · {line.bytes / 1e6:.1f} MB · ",
            (role, "bold green" if line.is_used else ""),
        )
    )
    out.print(Text(printable(str(licences)), style=_COLOURS[licences.commercial]))
    table = Table("file", "MB", "what", "trained on", "licence")
    for name, file in line.files.items():
        cells = (file.what, "; ".join(file.trained_on), file.licence)
        table.add_row(name, f"{file.size / 1e6:.1f}", *(Text(printable(cell)) for cell in cells))
    out.print(table)
    for what, score in line.scores.items():
        out.print(Text(printable(f"{what}: {score}")))
    stages = ", ".join(f"{stage} {fingerprint}" for stage, fingerprint in line.fingerprints.items())
    out.print(Text(f"fingerprints: {stages or 'none, since stages lack'}", style="dim"))
    out.print(Text(f"folder: {bundle.folder}\n", style="dim"), soft_wrap=True)


class _Bars:
    """A bar a file, on standard error; a line where it is no terminal."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=err,
            disable=not err.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def tell(self, name: str, done: int, total: int | None) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total)
            if not err.is_terminal:
                err.print(name)
        self._progress.update(self._tasks[name], completed=done, total=total)
