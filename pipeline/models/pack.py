"""Write a bundle's manifest from its `bundle.toml` (what people know) and its files (what can be computed).

`bundle.toml` holds the manifest's fields without sizes and digests; `training.json`, which training writes, how files
were made. Packing is the last step of training, and the only
thing that writes `manifest.json`.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from pipeline.models.bundle import MANIFEST, SCHEMA, Bundle, BundleError, Manifest, problems_of, sha256_of

TRAINING = "training.json"


def pack(folder: Path) -> Bundle:
    """Write `folder/manifest.json` and return the bundle. Raises BundleError for what is wrong in bundle.toml."""
    described = _described(folder / "bundle.toml")
    files = described.get("files")
    if not isinstance(files, dict) or not all(isinstance(facts, dict) for facts in files.values()):
        raise BundleError(f"{folder / 'bundle.toml'}: it has no table of files, [files.NAME] for each")
    for facts in files.values():
        facts |= {"sha256": "", "size": 0}
    # Looked at before a file is read: it may name what is none of ours.
    _manifest(folder, described)
    for name, facts in files.items():
        path = folder / name
        if not path.is_file():
            raise BundleError(f"{path}: named in bundle.toml but not there")
        facts |= {"sha256": sha256_of(path), "size": path.stat().st_size}
    if (folder / TRAINING).exists():
        described["training"] = msgspec.json.decode((folder / TRAINING).read_bytes())
    manifest = _manifest(folder, described)
    data = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    # At once: a manifest that ends in the middle is none.
    partial = folder / f".{MANIFEST}.partial"
    partial.write_bytes(data + b"\n")
    partial.replace(folder / MANIFEST)
    return Bundle(folder)


def _described(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError as error:
        raise BundleError(f"{path.parent} has no {path.name}, which a bundle is packed from") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BundleError(f"{path} is no TOML: {error}") from error


def _manifest(folder: Path, fields: dict[str, Any]) -> Manifest:
    try:
        manifest = msgspec.convert({"schema": SCHEMA, **fields}, type=Manifest)
    except msgspec.ValidationError as error:
        raise BundleError(f"{folder / 'bundle.toml'}: {error}") from error
    for problem in problems_of(manifest):
        raise BundleError(f"{folder / 'bundle.toml'}: {problem}")
    return manifest
