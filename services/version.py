"""Which version of Efir this is."""

from __future__ import annotations

from functools import cache
from importlib import metadata


@cache
def version() -> str:
    """`unknown` where the source is run without having been installed."""
    try:
        return metadata.version("efir")
    except metadata.PackageNotFoundError:
        return "unknown"
