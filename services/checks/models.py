"""The model bundles: are they here and whole, and which is used."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.models.bundle import BundleError
from services.checks.finding import Finding, failed, ok, warning
from services.settings import Settings


def check_models(settings: Settings) -> Iterator[Finding]:
    """Reads every file of every bundle, those that are not used, too."""
    shelf = settings.shelf
    try:
        bundles, used = shelf.bundles(), shelf.in_use()
    except BundleError as error:
        yield failed("models", str(error), "mend or remove what it names; efir models ls shows what there is")
        return
    for name, bundle in bundles.items():
        is_used = name in {each.name for each in used.values()}
        what = f"models: {name}"
        try:
            bundle.verify()
        except BundleError as error:
            say = failed if is_used else warning
            yield say(what, str(error), "copy the bundle again; efir models verify")
        else:
            role = f"used for {bundle.language}" if is_used else "not used"
            if bundle.lacks:
                role = f"not usable without {' and '.join(bundle.lacks)}"
            yield ok(what, f"whole, {role}: {len(bundle.manifest.files)} files, {bundle.size / 1e6:.0f} MB")
    if settings.language not in used:
        there = ", ".join(used) or "none"
        todo = (
            f"put its bundle into {settings.own_shelf} (EFIR_OWN_BUNDLES), or change EFIR_LANGUAGE; there are: {there}"
        )
        yield failed("models", f"no bundle for {settings.language!r}, the default language: workers do not start", todo)
