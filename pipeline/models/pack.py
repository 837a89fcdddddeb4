"""Write a bundle's manifest from its `bundle.toml` (what people know) and its files (what can be computed).

`bundle.toml` holds the manifest's fields without sizes and digests. Packing is the last step of training, and the only
thing that writes `manifest.json`.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from pipeline.models.bundle import Bundle, BundleError, Manifest, sha256_of


def pack(folder: Path) -> Bundle:
    """Write `folder/manifest.json` and return the bundle. Raises BundleError for a file that is not there."""
    with (folder / "bundle.toml").open("rb") as file:
        described = tomllib.load(file)
    for name, facts in described["files"].items():
        path = folder / name
        if not path.is_file():
            raise BundleError(f"{path}: named in bundle.toml but not there")
        facts["sha256"] = sha256_of(path)
        facts["size"] = path.stat().st_size
    manifest = msgspec.convert({"schema": "efir.bundle/1", **described}, type=Manifest)
    data = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    (folder / "manifest.json").write_bytes(data + b"\n")
    return Bundle(folder)
