"""Plain text, with an optional front block.

The front block is the first lines of the file, up to the first empty line, when every one of them is `key: value` with
a key of the list below; `---` lines around it are allowed. A text that merely begins with a colon somewhere is text.
"""

from __future__ import annotations

import re

from pipeline.readers.dates import parse_date
from pipeline.readers.encoding import decode
from pipeline.readers.hint import Hint
from pipeline.readers.language import named
from pipeline.readers.rejected import Rejected
from pipeline.transcript import Transcript

KEYS = ("title", "date", "source", "language", "url", "guid", "speakers")
_LINE = re.compile(r"^([a-z]+)\s*:\s*(.*?)\s*$", re.IGNORECASE)
# No line of a front block is longer; it also keeps the expression above from working on a text without line ends.
_LONGEST_LINE = 2_000


def read(data: bytes, hint: Hint) -> Transcript:
    """One text. Raises Rejected."""
    front, text = _split(decode(data, hint.charset))
    return Transcript(
        text=text.strip("\n"),
        format="text",
        title=front.get("title") or hint.fallback_title,
        source=front.get("source") or "local",
        language=named(front.get("language")),
        published=parse_date(front["date"]) if front.get("date") else None,
        url=front.get("url") or hint.url,
        guid=front.get("guid") or None,
        speakers=tuple(name.strip() for name in front.get("speakers", "").split(",") if name.strip()),
    )


def _split(text: str) -> tuple[dict[str, str], str]:
    is_fenced = text.partition("\n")[0].strip() == "---"
    at = text.find("\n") + 1 if is_fenced else 0
    front: dict[str, str] = {}
    while 0 <= at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line = text[at:end]
        at = end + 1
        if is_fenced and line.strip() == "---":
            return front, text[at:]
        match = _LINE.match(line) if len(line) <= _LONGEST_LINE else None
        if match and match[1].lower() in KEYS:
            front[match[1].lower()] = match[2]
        elif not line.strip() and front and not is_fenced:
            return front, text[at:]
        elif match and front:
            raise Rejected("front-block", f"unknown key {match[1]!r} (known: {', '.join(KEYS)})")
        elif line.strip() or not is_fenced:
            return {}, text
    return front, ""
