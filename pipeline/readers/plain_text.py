"""Plain text in UTF-8, with an optional front block.

The front block is the first lines of the file, up to the first empty line, when every one of them is `key: value` with
a key of the list below; `---` lines around it are allowed. A text that merely begins with a colon somewhere is text.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from pipeline.readers.rejected import Rejected, decode_utf8
from pipeline.transcript import Transcript

KEYS = ("title", "date", "source", "language", "url", "guid", "speakers")
# Speech was not transcribed before, and a year of five digits has no place in a key.
_FIRST_YEAR, _LAST_YEAR = 1800, 2200
_LINE = re.compile(r"^([a-z]+)\s*:\s*(.*?)\s*$", re.IGNORECASE)


def read(data: bytes, title: str) -> Transcript:
    """`title` is used when the front block gives none. Raises Rejected."""
    front, text = _split(decode_utf8(data))
    return Transcript(
        text=text.strip("\n"),
        title=front.get("title") or title,
        source=front.get("source") or "local",
        language=front.get("language") or None,
        published=parse_date(front["date"]) if front.get("date") else None,
        url=front.get("url") or None,
        guid=front.get("guid") or None,
        speakers=tuple(name.strip() for name in front.get("speakers", "").split(",") if name.strip()),
    )


def _split(text: str) -> tuple[dict[str, str], str]:
    lines = text.split("\n")
    is_fenced = lines[0].strip() == "---"
    first = 1 if is_fenced else 0
    front: dict[str, str] = {}
    for index in range(first, len(lines)):
        line = lines[index]
        if is_fenced and line.strip() == "---":
            return front, "\n".join(lines[index + 1 :])
        match = _LINE.match(line)
        if match and match[1].lower() in KEYS:
            front[match[1].lower()] = match[2]
        elif not line.strip() and front and not is_fenced:
            return front, "\n".join(lines[index + 1 :])
        elif match and front:
            raise Rejected("front-block", f"unknown key {match[1]!r} (known: {', '.join(KEYS)})")
        else:
            return {}, text
    return front, ""


def parse_date(text: str) -> datetime:
    """ISO 8601, with or without time; without a zone it is taken as UTC. Raises Rejected."""
    try:
        date = datetime.fromisoformat(text)
    except ValueError as error:
        raise Rejected(
            "bad-date", f"{text!r} is not an ISO 8601 date such as 2026-01-02 or 2026-01-02T18:30"
        ) from error
    if not _FIRST_YEAR <= date.year <= _LAST_YEAR:
        raise Rejected("bad-date", f"{text!r} is not a year between {_FIRST_YEAR} and {_LAST_YEAR}")
    return date if date.tzinfo else date.replace(tzinfo=UTC)
