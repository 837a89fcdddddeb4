"""The shelf: where model bundles are kept, and which of them is used for each language."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pipeline.models.bundle import MANIFEST, Bundle, BundleError


class Shelf(NamedTuple):
    """`folders` hold bundles, a folder each; `chosen` names the bundle of a language, where it is not the default."""

    folders: tuple[Path, ...]
    chosen: Mapping[str, str]

    def bundles(self) -> dict[str, Bundle]:
        """Every bundle by its name. Raises BundleError for one that cannot be read, and for two of one name."""
        found: dict[str, Bundle] = {}
        for folder in self.folders:
            for bundle in _in(folder):
                if bundle.name in found:
                    here = found[bundle.name].folder
                    raise BundleError(
                        f"two bundles are called {bundle.name!r}: {here} and {bundle.folder}. Rename one of them "
                        f"(`name` in its bundle.toml, then efir models pack), or remove it."
                    )
                found[bundle.name] = bundle
        return found

    def in_use(self) -> dict[str, Bundle]:
        """Language -> its bundle: the one chosen, else the one named like the language, else the only one there is."""
        by_name = self.bundles()
        used = {language: _chosen(by_name, language, name) for language, name in self.chosen.items()}
        for language in sorted({bundle.language for bundle in by_name.values()} - set(used)):
            candidates = [each for each in by_name.values() if each.language == language and not each.lacks]
            named = [bundle for bundle in candidates if bundle.name == language]
            if len(named or candidates) > 1:
                names = ", ".join(bundle.name for bundle in candidates)
                raise BundleError(
                    f"which bundle is to be used for {language!r}? There are {names}. Choose one: "
                    f"EFIR_MODELS={language}={candidates[0].name}"
                )
            if candidates:
                used[language] = (named or candidates)[0]
        return used


def _in(folder: Path) -> list[Bundle]:
    try:
        paths = sorted(folder.glob(f"*/{MANIFEST}"))
    except OSError as error:
        raise BundleError(f"the folder of bundles {folder} cannot be read: {error.strerror}") from error
    # What is hidden is being written.
    return [Bundle(path.parent) for path in paths if not path.parent.name.startswith(".")]


def _chosen(by_name: Mapping[str, Bundle], language: str, name: str) -> Bundle:
    of_language = [each for each, bundle in by_name.items() if bundle.language == language]
    there = f"there {'is' if len(of_language) == 1 else 'are'} {', '.join(of_language) or 'none'} for {language!r}"
    if name not in by_name:
        raise BundleError(f"EFIR_MODELS chooses the bundle {name!r}, and it is not installed; {there} (efir models ls)")
    bundle = by_name[name]
    if bundle.language != language:
        raise BundleError(f"EFIR_MODELS chooses {name!r} for {language!r}, and it is for {bundle.language!r}; {there}")
    if bundle.lacks:
        lacking = " and ".join(bundle.lacks)
        raise BundleError(f"EFIR_MODELS chooses {name!r}, which has no files for {lacking}: train them first; {there}")
    return bundle
