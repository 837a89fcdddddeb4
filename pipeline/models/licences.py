"""What a bundle's licences allow, so that whoever earns money with Efir sees at once whether they may use it.

This says what is written in the manifests and is no legal advice.
"""

from __future__ import annotations

import re
from collections import Counter
from enum import StrEnum
from typing import NamedTuple

from pipeline.models.bundle import Manifest


class Commercial(StrEnum):
    """Whether a licence lets its work be used for money."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


# By how they are written in manifests, version left out. What is not among them is unknown, which is not a yes.
_FREE = {"MIT", "BSD", "Apache", "CC0", "CC BY", "CC BY-SA", "Unlicense", "public domain", "MPL"}
_VERSION = re.compile(r"[ -]v?\d[\d.]*(-Clause)?$|[ -]\d-Clause$")


class Licences(NamedTuple):
    """Of a whole bundle: how many files are under each licence, and what that comes to."""

    counts: dict[str, int]
    commercial: Commercial
    because: tuple[str, ...]  # the files that make it less than a yes

    def __str__(self) -> str:
        listed = ", ".join(f"{licence} ({count} file{'s'[: count > 1]})" for licence, count in self.counts.items())
        files = "all files" if len(self.because) == sum(self.counts.values()) else ", ".join(self.because)
        return {
            Commercial.YES: f"commercial use is allowed: {listed}",
            Commercial.NO: f"not for commercial use, because of {files}: {listed}",
            Commercial.UNKNOWN: f"whether commercial use is allowed has to be looked up for {files}: {listed}",
        }[self.commercial]


def allows_commercial_use(licence: str) -> Commercial:
    """Of one file. `licence` is as in a manifest: CC BY-NC-SA 4.0, MIT, see https://..."""
    if re.search(r"\bNC\b|non-?commercial", licence, re.IGNORECASE):
        return Commercial.NO
    return Commercial.YES if _VERSION.sub("", licence) in _FREE else Commercial.UNKNOWN


def licences_of(manifest: Manifest) -> Licences:
    """A bundle is used as a whole: one file that may not be used commercially is enough."""
    each = {name: allows_commercial_use(file.licence) for name, file in manifest.files.items()}
    worst = next((kind for kind in (Commercial.NO, Commercial.UNKNOWN) if kind in each.values()), Commercial.YES)
    because = tuple(name for name, kind in each.items() if kind == worst) if worst != Commercial.YES else ()
    return Licences(dict(Counter(file.licence for file in manifest.files.values())), worst, because)
