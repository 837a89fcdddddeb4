"""What goes between readers: what is known before reading, how much may be read, and what was found where."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.readers.rejected import Rejected
from pipeline.transcript import Transcript


class Hint(NamedTuple):
    """What whoever brings the bytes says of them. Everything may be missing, and the content may contradict it."""

    name: str = ""  # the file's name, for its suffix and as the last resort for a title
    media_type: str | None = None  # may carry `; charset=...`
    title: str = ""
    url: str | None = None

    @property
    def charset(self) -> str | None:
        """The declared encoding: `text/html; charset="windows-1251"` gives `windows-1251`."""
        for part in (self.media_type or "").split(";")[1:]:
            key, _, value = part.partition("=")
            if key.strip().lower() == "charset":
                return value.strip(" \t\"'").lower() or None
        return None

    @property
    def fallback_title(self) -> str:
        """The title given, else the file's name without its suffixes."""
        name = self.name.replace("\\", "/").rpartition("/")[2]
        return self.title or name.partition(".")[0] or name


class Limits(NamedTuple):
    """How much may be read, and what of it counts as text: the settings of reading, as all readers are given them."""

    document_bytes: int = 2_000_000  # the text of one document: a novel, not a transcript
    container_bytes: int = 2_000_000_000  # all of a container, decompressed
    ratio: int = 200  # decompressed : compressed; text compresses 3 to 20 times, markup up to 100 times
    keep_sounds: bool = False  # stage directions and notes of music in subtitles are text


class Item(NamedTuple):
    """One document of an input. `name` is its place in it: `:12` is a line, `#3` a record, "" the whole."""

    name: str
    found: Transcript | Rejected

    def transcript(self) -> Transcript:
        """Raises Rejected when it is none."""
        if isinstance(self.found, Rejected):
            raise self.found
        return self.found
