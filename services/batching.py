"""Batches: what goes into one message, bounded in documents and in text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence


def batches(
    documents: Iterable[tuple[str, int]], most_documents: int, most_characters: int
) -> Iterator[tuple[str, ...]]:
    """Group (place, characters) in order; a group goes out as soon as it is full, one that is too long goes alone."""
    batch: list[str] = []
    characters = 0
    for place, length in documents:
        if batch and (len(batch) >= most_documents or characters + length > most_characters):
            yield tuple(batch)
            batch, characters = [], 0
        batch.append(place)
        characters += length
    if batch:
        yield tuple(batch)


def batches_by_stage(
    documents: Iterable[tuple[str, Sequence[str], int]], most_documents: int, most_characters: int
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Group (place, stages to start, bytes) as (stage, places); all of `documents` is held meanwhile."""
    by_stage: dict[str, list[tuple[str, int]]] = {}
    for place, stages, size in documents:
        for stage in stages:
            # Two bytes a letter: a listing knows a document's size in bytes, a batch is measured in characters.
            by_stage.setdefault(stage, []).append((place, size // 2))
    for stage, those in by_stage.items():
        for places in batches(those, most_documents, most_characters):
            yield stage, places
