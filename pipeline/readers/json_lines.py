"""JSON Lines (https://jsonlines.org): one transcript or ninjs item a line, any number of lines.

Lines are read one at a time. A line that is wrong is rejected with its number, and the others go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from pipeline.readers.document import documents, too_large
from pipeline.readers.formats import FORMATS
from pipeline.readers.hint import Hint, Item, Limits
from pipeline.readers.rejected import Rejected

_BLOCK = 65_536
_BEGINNINGS = (b"{", b"\xef\xbb\xbf{")


def items(stream: BinaryIO, hint: Hint, limits: Limits) -> Iterator[Item]:
    """The lines that are not blank, named `:1`, `:2`, ... by their number in the file."""
    most = FORMATS["json"].most_bytes(limits)
    number = 0
    while line := stream.readline(most + 1):
        number += 1
        if len(line) > most and not line.endswith(b"\n"):
            _skip_line(stream)
            yield _rejected(number, too_large(most))
        elif line.isspace():
            continue
        elif not (line.lstrip().startswith(_BEGINNINGS) and line.rstrip().endswith(b"}")):
            yield _rejected(number, Rejected("unreadable", "not valid JSON: a line is one object, from { to }"))
        else:
            named = hint._replace(title=f"{hint.fallback_title}:{number}")
            for found in documents(line, named, limits, FORMATS["json"]):
                yield _rejected(number, found) if isinstance(found, Rejected) else Item(f":{number}", found)


def _skip_line(stream: BinaryIO) -> None:
    while (part := stream.readline(_BLOCK)) and not part.endswith(b"\n"):
        pass


def _rejected(number: int, why: Rejected) -> Item:
    return Item(f":{number}", Rejected(why.reason, f"line {number}: {why.explanation}"))
