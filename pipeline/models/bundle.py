"""A bundle: the model files of one language and the manifest that says what they are.

The manifest (`manifest.json`, schema `efir.bundle/1`) names every file with its size, SHA-256, training data and
licence, and says which files each stage loads: the stage's fingerprint is made from their digests. A file that is
missing or differs is an error before anything is loaded. A manifest may come from a stranger, so it can name no file
outside its folder, and nothing is loaded that its digests do not cover.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import msgspec

from pipeline import graph

SHIPPED = Path(__file__).parent / "bundles"
MANIFEST = "manifest.json"
SCHEMA = "efir.bundle/1"
# Relative, with slashes: no way out of the folder, and nothing hidden.
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*(/[A-Za-z0-9][A-Za-z0-9._+-]*)*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
# A manifest has some kilobytes. One that is larger is none.
_MANIFEST_BYTES = 1_000_000

Processor = Literal["tokenize", "mwt", "pos", "lemma", "depparse", "ner"]
Role = Literal["model", "pretrain", "forward_charlm", "backward_charlm"]


class BundleError(Exception):
    """A bundle cannot be used; the message says which file and what to do."""


class ModelFile(msgspec.Struct, frozen=True):
    sha256: str
    size: int
    what: str
    trained_on: tuple[str, ...]
    licence: str


class Training(msgspec.Struct, frozen=True):
    """How a file was made: `curve` has the scores after epochs, on the part of the data that is set aside for it."""

    settings: dict[str, Any]
    data: dict[str, str]  # file -> SHA-256
    minutes: float
    device: str
    curve: tuple[dict[str, float], ...]


class Manifest(msgspec.Struct, frozen=True, omit_defaults=True):
    schema: str
    name: str
    language: str  # ISO 639-1
    script: str  # first word of the Unicode names of its letters, such as CYRILLIC
    version: str
    stanza: str  # the release the weights were trained with
    files: dict[str, ModelFile]
    stages: dict[str, tuple[str, ...]]
    scores: dict[str, str]
    # The files of each Stanza processor, where they are not called as pipeline/models/stanza_models.py expects. A
    # lemmatizer without a model says the form.
    processors: dict[Processor, dict[Role, str]] = {}
    # What the tagger calls its types -> what Efir calls them. What is not named here stays as it is.
    entity_types: dict[str, str] = {}
    training: dict[str, Training] = {}  # by file, where it was made by a recipe


class Bundle:
    """The files of one folder, described by its manifest. Cheap to make; `verify` reads the files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def manifest(self) -> Manifest:
        path = self.folder / MANIFEST
        try:
            with path.open("rb") as file:
                data = file.read(_MANIFEST_BYTES + 1)
        except FileNotFoundError as error:
            raise BundleError(f"{self.folder} is not a model bundle: it has no {MANIFEST}") from error
        except OSError as error:
            raise BundleError(f"{path} cannot be read: {error.strerror}") from error
        if len(data) > _MANIFEST_BYTES:
            raise BundleError(f"{path} is not a readable manifest: it is larger than {_MANIFEST_BYTES:,} bytes")
        try:
            schema = msgspec.json.decode(data, type=_Schema).schema
            if schema != SCHEMA:
                raise BundleError(f"{path}: schema {schema!r}, this release reads {SCHEMA}")
            manifest = msgspec.json.decode(data, type=Manifest)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise BundleError(f"{path} is not a readable manifest: {error}") from error
        for problem in problems_of(manifest):
            raise BundleError(f"{path}: {problem}")
        return manifest

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def language(self) -> str:
        return self.manifest.language

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(file.size for file in self.manifest.files.values())

    @property
    def lacks(self) -> tuple[str, ...]:
        """The stages without files. A bundle that lacks one can be trained on, and cannot be used."""
        return tuple(stage for stage in graph.STAGES if not self.manifest.stages.get(stage))

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """Stage name -> fingerprint, from the digests the manifest promises. Raises BundleError when a stage lacks."""
        if self.lacks:
            raise BundleError(f"{self.folder / MANIFEST}: it has no files for {' and '.join(self.lacks)}")
        manifest = self.manifest
        digests = {
            stage: (*(manifest.files[name].sha256 for name in manifest.stages[stage]), *self._said_of(stage))
            for stage in graph.STAGES
        }
        return graph.fingerprints(digests)

    def path(self, name: str) -> Path:
        return self.folder / name

    def verify(self, names: tuple[str, ...] | None = None) -> None:
        """Compare files (all, or `names`) with the manifest. Raises BundleError on the first that differs."""
        for name in names if names is not None else tuple(self.manifest.files):
            promised = self.manifest.files[name]
            path = self.path(name)
            try:
                size = path.stat().st_size
                found = sha256_of(path) if size == promised.size else ""
            except FileNotFoundError as error:
                raise BundleError(f"{path}: missing. {self._mend}") from error
            except OSError as error:
                raise BundleError(f"{path}: cannot be read: {error.strerror}") from error
            if size != promised.size:
                raise BundleError(
                    f"{path}: {size:,} bytes, the manifest promises {promised.size:,}. It is cut off or was replaced: "
                    f"{self._mend}"
                )
            if found != promised.sha256:
                raise BundleError(
                    f"{path}: SHA-256 is {found[:12]}..., the manifest promises {promised.sha256[:12]}... "
                    f"The file is damaged or was replaced: {self._mend}"
                )

    def verify_stage(self, stage: str) -> None:
        self.verify(self.manifest.stages[stage])

    @property
    def _mend(self) -> str:
        return f"Copy the bundle {self.name!r} again from where it came, or pack it anew (efir models pack)."

    def _said_of(self, stage: str) -> Iterator[str]:
        """What else the manifest says that changes what a stage says; nothing for most bundles."""
        manifest = self.manifest
        parts = {part: files for part, files in manifest.processors.items() if stage_of(part) == stage}
        types = manifest.entity_types if stage == "entities" else {}
        if parts or types:
            yield hashlib.sha256(msgspec.json.encode([parts, types], order="sorted")).hexdigest()


class _Schema(msgspec.Struct):
    """Read first: a manifest of another schema may have other fields."""

    schema: str = ""


def problems_of(manifest: Manifest) -> Iterator[str]:
    """What a manifest says that cannot be, or must not."""
    for what, name in (("name", manifest.name), ("language", manifest.language)):
        if not is_name(name):
            yield f"{what} {name!r}: letters, digits, dots, dashes and underscores only"
    for name in manifest.files:
        if not _FILE.fullmatch(name) or name == MANIFEST:
            yield f"file {name!r}: not the name of a file within the bundle"
    for stage, names in manifest.stages.items():
        if stage not in graph.STAGES:
            yield f"stage {stage!r}: there are {', '.join(graph.STAGES)}"
        if unknown := set(names) - set(manifest.files):
            yield f"stage {stage!r} wants files that it does not describe: {', '.join(sorted(unknown))}"
    for part, roles in manifest.processors.items():
        stage = stage_of(part)
        if unverified := set(roles.values()) - set(manifest.stages.get(stage, ())):
            yield f"processor {part!r} wants files that stage {stage!r} does not: {', '.join(sorted(unverified))}"


def is_name(name: str) -> bool:
    """Whether a bundle can be called so. It is also its folder's name, where Efir makes it."""
    return _NAME.fullmatch(name) is not None


def stage_of(processor: str) -> str:
    """The stage that runs a Stanza processor."""
    return "entities" if processor == "ner" else "parse"


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def installed(folder: Path = SHIPPED) -> dict[str, Bundle]:
    """Language -> its bundle, of those in `folder` alone and with none chosen (pipeline/models/shelf.py)."""
    from pipeline.models.shelf import Shelf  # noqa: PLC0415 (which stands on this module)

    return Shelf((folder,), {}).in_use()
