"""Reading bytes in tests as the pipeline reads them: through detection, never by naming a reader."""

from __future__ import annotations

import io

from pipeline import readers
from pipeline.readers import Hint, Item, Limits, Rejected
from pipeline.transcript import Transcript


def items(data: bytes | str, name: str = "", limits: Limits | None = None, **hint: str) -> list[Item]:
    stream = io.BytesIO(data.encode() if isinstance(data, str) else data)
    return list(readers.items(stream, Hint(name=name, **hint), limits or Limits()))


def transcript(data: bytes | str, name: str = "", **hint: str) -> Transcript:
    """The one transcript in the data."""
    (item,) = items(data, name, **hint)
    return item.transcript()


def reason(data: bytes | str, name: str = "", **hint: str) -> str:
    """Why the data is rejected."""
    (item,) = items(data, name, **hint)
    assert isinstance(item.found, Rejected), item.found
    return item.found.reason


def spoken(found: Transcript) -> list[tuple[str, str | None]]:
    """The words of every segment and who says them."""
    return [(found.text[each.start : each.end], each.speaker) for each in found.segments]


def times(found: Transcript) -> list[tuple[float | None, float | None]]:
    return [(each.begins, each.ends) for each in found.segments]
