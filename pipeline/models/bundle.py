"""A bundle: the model files of one language and the manifest that says what they are.

The manifest (`manifest.json`, schema `efir.bundle/1`) names every file with its size, SHA-256, training data and
licence, and says which files each stage loads: the stage's fingerprint is made from their digests. A file that is
missing or differs is an error before anything is loaded.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

import msgspec

from pipeline import graph

SHIPPED = Path(__file__).parent / "bundles"


class BundleError(Exception):
    """A bundle cannot be used; the message says which file and what to do."""


class ModelFile(msgspec.Struct, frozen=True):
    sha256: str
    size: int
    what: str
    trained_on: tuple[str, ...]
    licence: str


class Manifest(msgspec.Struct, frozen=True):
    schema: str
    name: str
    language: str  # ISO 639-1
    script: str  # first word of the Unicode names of its letters, such as CYRILLIC
    version: str
    stanza: str  # the release the weights were trained with
    files: dict[str, ModelFile]
    stages: dict[str, tuple[str, ...]]
    scores: dict[str, str]


class Bundle:
    """The files of one folder, described by its manifest. Cheap to make; `verify` reads the files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def manifest(self) -> Manifest:
        path = self.folder / "manifest.json"
        try:
            manifest = msgspec.json.decode(path.read_bytes(), type=Manifest)
        except FileNotFoundError as error:
            raise BundleError(f"{self.folder} is not a model bundle: it has no manifest.json") from error
        except msgspec.MsgspecError as error:
            raise BundleError(f"{path} is not a readable manifest: {error}") from error
        if manifest.schema != "efir.bundle/1":
            raise BundleError(f"{path}: schema {manifest.schema!r}, this release reads efir.bundle/1")
        for stage in graph.STAGES:
            unknown = set(manifest.stages.get(stage, ())) - set(manifest.files)
            if unknown or not manifest.stages.get(stage):
                raise BundleError(f"{path}: stage {stage!r} lacks its model files ({sorted(unknown) or 'none'})")
        return manifest

    @property
    def language(self) -> str:
        return self.manifest.language

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """Stage name -> fingerprint, from the digests the manifest promises."""
        manifest = self.manifest
        return graph.fingerprints(
            {stage: tuple(manifest.files[name].sha256 for name in manifest.stages[stage]) for stage in graph.STAGES}
        )

    def path(self, name: str) -> Path:
        return self.folder / name

    def verify(self, names: tuple[str, ...] | None = None) -> None:
        """Compare files (all, or `names`) with the manifest. Raises BundleError on the first that differs."""
        for name in names if names is not None else tuple(self.manifest.files):
            promised = self.manifest.files[name]
            path = self.path(name)
            if not path.is_file():
                raise BundleError(f"{path}: missing. Restore the bundle {self.manifest.name!r} from the repository.")
            found = sha256_of(path)
            if found != promised.sha256:
                raise BundleError(
                    f"{path}: SHA-256 is {found[:12]}..., the manifest promises {promised.sha256[:12]}... "
                    f"The file is damaged or was replaced: restore it, or pack the bundle anew."
                )

    def verify_stage(self, stage: str) -> None:
        self.verify(self.manifest.stages[stage])


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def installed(folder: Path = SHIPPED) -> dict[str, Bundle]:
    """Language -> its bundle, for every bundle in `folder`."""
    bundles = [Bundle(path.parent) for path in sorted(folder.glob("*/manifest.json"))]
    return {bundle.language: bundle for bundle in bundles}
