"""One document's bytes to what they hold: choose the reader, keep within the limits, name what is rejected."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.readers import encoding
from pipeline.readers.detect import HEAD, detect, kind_of_json
from pipeline.readers.formats import FORMATS, Format
from pipeline.readers.hint import Hint, Limits
from pipeline.readers.rejected import Rejected
from pipeline.transcript import Transcript


def documents(data: bytes, hint: Hint, limits: Limits, chosen: Format | None = None) -> Iterator[Transcript | Rejected]:
    """The transcripts in one file of any format that is no container, or what is wrong with it. Never raises."""
    try:
        for found in _chosen(data, hint, limits, chosen).read(data, hint, limits):
            yield _bounded(found, limits)
    except Rejected as rejected:
        yield rejected


def _chosen(data: bytes, hint: Hint, limits: Limits, chosen: Format | None) -> Format:
    if not data.strip():
        raise Rejected("empty", "there is no text in it")
    form = chosen or detect(data[:HEAD], hint)
    if form.is_container:
        raise Rejected("nested", f"it is {form.name} inside another container")
    if form.name == "json":
        form = FORMATS[kind_of_json(encoding.decode(data, hint.charset))]
    if len(data) > form.most_bytes(limits):
        raise too_large(form.most_bytes(limits))
    return form


def too_large(most: int) -> Rejected:
    return Rejected("too-large", f"more than {most:,} bytes (EFIR_MAX_DOCUMENT_BYTES)")


def _bounded(found: Transcript | Rejected, limits: Limits) -> Transcript | Rejected:
    if isinstance(found, Rejected):
        return found
    # A code point has at most four bytes, so that most texts need not be encoded to be measured.
    text, most = found.text, limits.document_bytes
    if len(text) * 4 > most and len(text.encode("utf-8", "replace")) > most:
        return too_large(most)
    if not found.text.strip():
        return Rejected("empty", "there is no text in it")
    return found
