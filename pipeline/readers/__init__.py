"""Readers: one module per input format, each turns bytes into a Transcript or says why it cannot.

`read_file` chooses by the file's name; nothing is guessed from a name alone about the text itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.readers import plain_text, transcript_json
from pipeline.readers.rejected import Rejected
from pipeline.transcript import Transcript

__all__ = ["FORMATS", "Rejected", "files", "read_file", "readable"]

# File name suffix -> reader of the file's bytes; the second argument is a title to fall back on.
FORMATS: dict[str, Callable[[bytes, str], Transcript]] = {
    ".txt": plain_text.read,
    ".json": transcript_json.read,
}


def files(path: Path) -> Iterator[Path]:
    """The file itself, whatever it is called, or the files of readable formats below a folder, sorted."""
    if not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix.lower() in FORMATS:
                yield Path(folder, name)


def readable(name: str) -> str:
    """A file's name as text, even when its bytes are not UTF-8."""
    return os.fsencode(name).decode("utf-8", "replace")


def read_file(path: Path, max_bytes: int) -> Transcript:
    """Read one file. Raises Rejected with the reason when it cannot be a transcript."""
    reader = FORMATS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(FORMATS)
        raise Rejected("unknown-format", f"{path.suffix or 'a name without suffix'} is not one of {known}")
    try:
        if path.exists() and not path.is_file():
            raise Rejected("unreadable", "it is not a regular file")
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise Rejected("unreadable", error.strerror or str(error)) from error
    if len(data) > max_bytes:
        raise Rejected("too-large", f"more than {max_bytes:,} bytes (EFIR_MAX_DOCUMENT_BYTES)")
    if not data.strip():
        raise Rejected("empty", "there is no text in it")
    return reader(data, readable(path.stem))
