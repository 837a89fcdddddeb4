"""Batches: what goes into one message, bounded in documents and in text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


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
