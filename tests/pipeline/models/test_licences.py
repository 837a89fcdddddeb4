"""Whether a bundle may be used by who earns money with it."""

from __future__ import annotations

import msgspec
import pytest

from pipeline.models.bundle import Bundle, Manifest
from pipeline.models.licences import Commercial, allows_commercial_use, licences_of


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", "yes"),
        ("Apache-2.0", "yes"),
        ("BSD-3-Clause", "yes"),
        ("CC BY 4.0", "yes"),
        ("CC BY-SA 4.0", "yes"),
        ("CC0 1.0", "yes"),
        ("CC BY-NC-SA 4.0", "no"),
        ("CC BY-NC 4.0", "no"),
        ("for non-commercial use", "no"),
        ("CC BY-ND 4.0", "unknown"),
        ("see https://example.org", "unknown"),
        ("MIT and others", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_licence_that_is_not_known_is_not_a_yes(licence: str, allowed: str) -> None:
    assert allows_commercial_use(licence) == allowed


def under(manifest: Manifest, *licences: str) -> Manifest:
    file = next(iter(manifest.files.values()))
    files = {f"{number}.pt": msgspec.structs.replace(file, licence=licence) for number, licence in enumerate(licences)}
    return msgspec.structs.replace(manifest, files=files)


def test_one_file_decides_for_the_bundle(bundle: Bundle) -> None:
    manifest = bundle.manifest
    free = licences_of(under(manifest, "MIT", "CC BY-SA 4.0"))
    assert str(free) == "commercial use is allowed: MIT (1 file), CC BY-SA 4.0 (1 file)"
    mixed = licences_of(under(manifest, "MIT", "CC BY-NC-SA 4.0", "see there"))
    assert mixed.commercial == Commercial.NO and mixed.because == ("1.pt",)
    assert "because of 1.pt" in str(mixed)
    unknown = licences_of(under(manifest, "MIT", "see there"))
    assert str(unknown).startswith("whether commercial use is allowed has to be looked up for 1.pt")
