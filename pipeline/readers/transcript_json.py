"""One transcript as a JSON object: `text`, and optionally id, title, date, speakers, url, source, language."""

from __future__ import annotations

import msgspec

from pipeline.readers.plain_text import parse_date
from pipeline.readers.rejected import Rejected, decode_utf8
from pipeline.transcript import Transcript


class _Form(msgspec.Struct):
    """Fields that are not named here are the sender's own and are left alone."""

    text: str
    id: str | None = None
    title: str | None = None
    date: str | None = None
    speakers: list[str] = []
    url: str | None = None
    source: str | None = None
    language: str | None = None


def read(data: bytes, title: str) -> Transcript:
    """`title` is used when the object gives none. Raises Rejected."""
    decode_utf8(data)  # for the same words about NUL bytes and bad encodings as for plain text
    try:
        form = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=_Form)
    except msgspec.ValidationError as error:
        raise Rejected(
            "not-a-transcript", f"{error}; expected an object with text, and title, date, speakers"
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejected("unreadable", f"not valid JSON: {error}") from error
    return Transcript(
        text=form.text.replace("\r\n", "\n").replace("\r", "\n"),
        title=form.title or title,
        source=form.source or "local",
        language=form.language,
        published=parse_date(form.date) if form.date else None,
        url=form.url,
        guid=form.id,
        speakers=tuple(form.speakers),
    )
