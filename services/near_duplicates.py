"""Near-duplicates among the documents admitted last: a window over them in the broker, of fixed memory.

Two strings hold it, allocated when it is made:

- the *ring* has an entry for each of the last W documents: id, cluster, the hour it was entered, signature;
- the *table* has, for each band of the signature, 2 W slots with the number of a ring entry. The band's bytes tell the
  slot; the newest document with that slot takes it.

So the window slides by being overwritten. Nothing expires, nothing is counted, nothing grows. An entry whose slots
were taken by others is found by its other bands; a slot whose entry was overwritten leads to another document, which is
compared and found to be different. docs/duplicates.md says what that costs in recall.

A batch is looked up and entered by one script, hence at once: of two copies in two processes, one sees the other.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, cast

from redis import Redis

from pipeline import likeness
from pipeline.transcript import story_of
from services import logs

_GEOMETRY, _RING, _TABLE, _COUNT = KEYS = (
    "efir:near:geometry",
    "efir:near:ring",
    "efir:near:table",
    "efir:near:count",
)
_SCRIPT = Path(__file__).with_name("near_duplicates.lua").read_text()
# Half of a full table's slots were taken by another document since; see docs/duplicates.md for other loads.
_SLOTS_PER_ENTRY = 2
_CHUNK = 64  # documents a script call: the broker does nothing else for some 10 ms
_DAY_HOURS = 24

log = logs.get("efir.admission")


class Match(NamedTuple):
    """`id`: the most similar document of the window; `cluster`: the first one of those that were linked up to it."""

    id: str
    cluster: str
    similarity: float  # estimate of Jaccard's index of the shingles: pipeline.likeness


class Window:
    """The last `entries` documents, as far as they are not older than `days`; shared by all that admit.

    All of them must have the same settings. Whoever starts with another `entries`, or another way of making signatures,
    begins an empty window; those that still run with the old settings then find nothing.
    """

    def __init__(self, client: Redis, entries: int, least: float, days: float, enters_duplicates: bool = True) -> None:
        """`client` as services.broker.connect makes it; `least`: the similarity from which on documents are linked.

        With `enters_duplicates` false, only documents without a match are entered: where duplicates are not stored,
        none may be named as the original of another.
        """
        self._script = client.register_script(_SCRIPT)
        self._entries = entries
        self._least_equal = likeness.least_equal(least)
        self._most_hours = int(days * _DAY_HOURS)
        self._enters_duplicates = enters_duplicates
        self._has_begun = False
        self._was_superseded = False

    def enter(self, items: Sequence[tuple[str, bytes | None]]) -> list[Match | None]:
        """Look up documents, each an id and its signature, and enter them, in order: a later one sees the earlier ones.

        A document without a signature has no match. A document that is entered already stays as it is, and is matched
        with what was there before it: a second try answers as the first one did, while its match is in the window. A
        revision of a story that was in the window first is nobody's duplicate, and one of a story that was linked takes
        that story's cluster. Raises RedisError.
        """
        matches: list[Match | None] = [None] * len(items)
        signed = [(at, name, signature) for at, (name, signature) in enumerate(items) if signature is not None]
        for start in range(0, len(signed), _CHUNK):
            chunk = signed[start : start + _CHUNK]
            found = self._enter([(name, signature) for _, name, signature in chunk])
            for (at, _, _), match in zip(chunk, found, strict=True):
                matches[at] = match
        return matches

    def _enter(self, items: Sequence[tuple[str, bytes]]) -> list[Match | None]:
        entry_bits = max(1, (self._entries - 1).bit_length())
        numbers = (
            int(not self._has_begun),
            self._entries,
            self._entries * _SLOTS_PER_ENTRY,
            entry_bits,
            likeness.BANDS,
            likeness.ROWS,
            likeness.PERMUTATIONS,
            self._least_equal,
            int(time.time() // 3600),
            self._most_hours,
            int(self._enters_duplicates),
        )
        texts = [part for name, signature in items for part in (_packed(name), signature)]
        geometry = f"1 {likeness.method()} {self._entries} {_SLOTS_PER_ENTRY}"
        answer = cast(list[list[str]] | None, self._script(KEYS, [geometry, *numbers, *texts]))
        self._has_begun = True
        if answer is None:
            self._tell_superseded()
            return [None] * len(items)
        return [
            Match(_unpacked(found[0]), _unpacked(found[1]), likeness.similarity_of(int(found[2]))) if found else None
            for found in answer
        ]

    def _tell_superseded(self) -> None:
        if not self._was_superseded:
            log.warning(
                "near-duplicates are not looked for: another process began a window with other settings. "
                "Give all the same EFIR_NEAR_WINDOW and version, and start this one again"
            )
        self._was_superseded = True


def _packed(document_id: str) -> bytes:
    """12 bytes, of which the first 8 are the story."""
    story = story_of(document_id)
    return bytes.fromhex(story + document_id[len(story) + 1 :])


def _unpacked(digits: str) -> str:
    return f"{digits[:16]}-{digits[16:]}"
