"""Stanza's published models as a bundle of one's own: fetched beside it, tried, and put in its place at once.

What is fetched lies in a hidden folder until it is whole and has run; an interrupted download is gone on with by the
same command, and nothing that exists is touched before the new bundle stands ready.
"""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pipeline.models.assemble import Origin, assemble
from pipeline.models.bundle import MANIFEST, Bundle, BundleError, is_name
from pipeline.models.shelf import Shelf
from pipeline.models.stanza_resources import MOST_BYTES, Plan, ResourcesError, Wanted, plan
from services.downloading import Downloader, DownloadError, md5_of

# The largest that Stanza publishes, models with a transformer inside, have 1.5 GB.
_MODEL_BYTES = 4_000_000_000

# Called with what is being done, the bytes that are there and, where it is known, how many there will be.
Tell = Callable[[str, int, int | None], None]


class Source(NamedTuple):
    """Where Stanza's list of resources lies, and its models: with {lang}, {resources_version} and {filename}."""

    resources_url: str
    release: str
    model_url: str | None = None  # None: as the list says


class Wish(NamedTuple):
    """What is to be made. `classifiers` names the bundle that sentiment and topics are of; None: the language's."""

    language: str
    package: str = "default"
    name: str | None = None  # None: {language}-stanza
    classifiers: str | None = None
    replace: bool = False


def download(shelf: Shelf, into: Path, wish: Wish, source: Source, downloader: Downloader, tell: Tell) -> Bundle:
    """Make the bundle in `into`. Raises DownloadError, and BundleError when the models do not run."""
    wanted = _plan(wish, source, downloader)
    name = wish.name or f"{wanted.language}-stanza"
    if not is_name(name):
        raise DownloadError(f"{name!r} is no name of a bundle: letters, digits, dots, dashes and underscores only")
    present = shelf.bundles()
    classifiers = _classifiers(present, wanted.language, name, wish.classifiers)
    target = into / name
    standing = _standing(present, target, name)
    if standing and not wish.replace:
        if _is_that(standing, wanted):
            return standing
        raise DownloadError(
            f"{target} is another state of these models, or damaged. --replace puts the published one in its place: "
            f"what it says has new fingerprints, so all documents are stale then."
        )
    origin = Origin(wanted, source.release)
    url = source.model_url or wanted.url
    partial = into / f".{name}.partial"
    with _alone(partial):
        for file in wanted.files:
            to = partial / file.name
            if standing and (old := standing.path(file.name)).is_file() and not to.exists() and _has(old, file):
                shutil.copyfile(old, to)
            address = _address(url, wanted, source.release, file)
            downloader.save(address, to, file.md5, _MODEL_BYTES, functools.partial(tell, f"fetching {file.name}"))
        tell("trying the models", 0, None)
        try:
            assemble(partial, name, origin, classifiers)
        except OSError as error:
            raise DownloadError(f"{partial} cannot be written to: {error.strerror}") from error
        _put_in_place(partial, target)
    return Bundle(target)


def _plan(wish: Wish, source: Source, downloader: Downloader) -> Plan:
    list_url = f"{source.resources_url.rstrip('/')}/resources_{source.release}.json"
    try:
        return plan(downloader.read(list_url, MOST_BYTES), wish.language, wish.package)
    except ResourcesError as error:
        raise DownloadError(f"{error} ({list_url})") from error


def _classifiers(present: dict[str, Bundle], language: str, name: str, chosen: str | None) -> Bundle | None:
    """The bundle that sentiment and topics are taken from; None when there is none of the language."""
    if chosen is not None:
        if chosen not in present or present[chosen].language != language:
            there = ", ".join(each for each, bundle in present.items() if bundle.language == language) or "none"
            raise DownloadError(
                f"there is no bundle {chosen!r} for {language!r} to take sentiment and topics from; there are {there}"
            )
        return present[chosen]
    whole = [bundle for bundle in present.values() if bundle.language == language and not bundle.lacks]
    others = [bundle for bundle in whole if bundle.name != name]
    return next((bundle for bundle in others if bundle.name == language), others[0] if others else None)


def _standing(present: dict[str, Bundle], target: Path, name: str) -> Bundle | None:
    """The bundle of that name, when it is one of ours."""
    standing = present.get(name)
    if standing and standing.folder != target:
        raise DownloadError(f"{standing.folder} is called {name!r} already: choose another name (--name)")
    if not standing and target.exists():
        raise DownloadError(f"{target} is there and is no bundle called {name!r}: remove it, or choose another --name")
    return standing


def _is_that(bundle: Bundle, wanted: Plan) -> bool:
    """Whether the bundle is whole and made of the very files."""
    try:
        bundle.verify()
    except BundleError:
        return False
    names = {file.name for file in wanted.files}
    mine = {name for name in bundle.manifest.files if name.startswith("stanza-")}
    return mine == names and all(_has(bundle.path(file.name), file) for file in wanted.files)


def _has(path: Path, wanted: Wanted) -> bool:
    return md5_of(path) in wanted.md5


def _address(url: str, wanted: Plan, release: str, file: Wanted) -> str:
    try:
        return url.format(lang=wanted.stanza_language, resources_version=release, filename=file.remote)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise DownloadError(
            f"{url!r} is no address of models: it may have {{lang}}, {{resources_version}} and {{filename}}"
        ) from error


@contextmanager
def _alone(partial: Path) -> Iterator[None]:
    """Nobody else writes into the folder meanwhile."""
    try:
        partial.mkdir(parents=True, exist_ok=True)
        lock = os.open(partial, os.O_RDONLY)
    except OSError as error:
        raise DownloadError(
            f"{partial.parent} cannot be written to ({error.strerror}): set EFIR_OWN_BUNDLES to a folder of yours"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise DownloadError(f"another efir is downloading into {partial}") from error
    finally:
        os.close(lock)


def _put_in_place(partial: Path, target: Path) -> None:
    """A reader sees the old bundle or the new one; for a blink, none."""
    described = {*Bundle(partial).manifest.files, MANIFEST, "bundle.toml"}
    for path in partial.iterdir():
        if path.is_file() and path.name not in described:  # of an earlier try, with other models
            path.unlink()
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.replace(old)
    partial.replace(target)
    shutil.rmtree(old, ignore_errors=True)
