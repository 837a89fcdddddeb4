"""The stages, what each needs, and the fingerprint that names a stage's version.

A fingerprint is a short digest of everything an artifact depends on besides the document: the stage's name and
version, the digests of the models it loads, and the fingerprints of the stages it needs. Change any of these and the
artifact gets another key; nothing old is overwritten.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class StageSpec:
    """`version` is raised by hand whenever the stage's code says something else about the same text."""

    name: str
    version: int
    needs: tuple[str, ...] = ()


# In topological order: a stage stands after all that it needs.
GRAPH: dict[str, StageSpec] = {
    spec.name: spec
    for spec in (
        StageSpec("parse", 2),
        StageSpec("entities", 2, needs=("parse",)),
        StageSpec("sentiment", 2, needs=("parse",)),
        StageSpec("topics", 2, needs=("parse",)),
    )
}
STAGES: tuple[str, ...] = tuple(GRAPH)


def dependants(stage: str) -> tuple[str, ...]:
    """The stages that become ready when `stage` is done and their other needs are met."""
    return tuple(name for name, spec in GRAPH.items() if stage in spec.needs)


def is_leaf(stage: str) -> bool:
    """Leaves are what the record is joined from; whoever finishes the last of them writes it."""
    return not dependants(stage)


def closure(stage: str) -> tuple[str, ...]:
    """`stage` and all that depends on it, in topological order."""
    found = {stage}
    for name, spec in GRAPH.items():
        if found & set(spec.needs):
            found.add(name)
    return tuple(name for name in STAGES if name in found)


def ancestors(stage: str) -> set[str]:
    """All that `stage` needs, and what that needs."""
    found: set[str] = set(GRAPH[stage].needs)
    for need in GRAPH[stage].needs:
        found |= ancestors(need)
    return found


def roots() -> tuple[str, ...]:
    return tuple(name for name, spec in GRAPH.items() if not spec.needs)


def fingerprints(model_digests: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Stage name -> 12 hex digits. `model_digests`: the SHA-256 of each model file a stage loads."""
    result: dict[str, str] = {}
    for name, spec in GRAPH.items():
        digest = hashlib.sha256(f"{name}\n{spec.version}\n".encode())
        for model in sorted(model_digests[name]):
            digest.update(f"model {model}\n".encode())
        for need in spec.needs:
            digest.update(f"needs {need} {result[need]}\n".encode())
        result[name] = digest.hexdigest()[:12]
    return result
