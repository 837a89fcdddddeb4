"""Bytes to text: byte order marks, the declared encoding, UTF-8, and at last the likely old encodings of Cyrillic."""

from __future__ import annotations

import codecs

from charset_normalizer import from_bytes

from pipeline.readers.rejected import Rejected

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark is how it begins
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# In the order in which they are met, which decides between those that fit equally well.
_LIKELY = ("cp1251", "koi8_u", "cp866", "iso8859_5", "mac_cyrillic")
# Enough to tell the encodings apart; looking at more takes time and says the same.
_SAMPLE = 16_384
# Python knows encodings that are no encodings of text, or that name the machine's own.
_NOT_CHARSETS = frozenset({"undefined", "idna", "punycode", "raw_unicode_escape", "unicode_escape", "mbcs", "oem"})


def decode(data: bytes, charset: str | None = None) -> str:
    """The text, with line feeds as line ends. `charset` is what the sender declares. Raises Rejected.

    A declared encoding that cannot be right is passed over: many servers declare one for everything they send.
    """
    return _decode(data, charset).replace("\r\n", "\n").replace("\r", "\n")


def preview(head: bytes) -> str:
    """The beginning of a file, good enough to look for marks in ASCII; never fails."""
    for mark, name in _MARKS:
        if head.startswith(mark):
            return head.decode(name, "replace").lstrip("\ufeff")
    return head.decode("latin-1")


def _decode(data: bytes, charset: str | None) -> str:
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _marked(data, name)
    if b"\x00" in data:
        raise Rejected("binary", "it holds NUL bytes, so it is not text")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        broken_at = error.start
    if charset is not None and (text := _declared(data, charset)) is not None:
        return text
    if (guess := _guess(data)) is not None:
        return guess
    raise Rejected("not-text", f"byte {broken_at} is not UTF-8, and no other likely encoding makes it a text")


def _marked(data: bytes, name: str) -> str:
    try:
        text = data.decode(name)
    except UnicodeDecodeError as error:
        raise Rejected("not-text", f"it begins like {name.removesuffix('-sig')} and is not: {error.reason}") from error
    if "\x00" in text:
        raise Rejected("binary", "it holds NUL characters, so it is not text")
    return text


def _declared(data: bytes, charset: str) -> str | None:
    try:
        codec = codecs.lookup(charset)
        if codec.name in _NOT_CHARSETS or not codec._is_text_encoding:
            return None
        text = data.decode(codec.name)
    except (LookupError, ValueError):  # an unknown name, or bytes that it does not have
        return None
    # A one-byte encoding takes any bytes; what comes out tells whether it was the right one.
    return None if "\x00" in text or _controls(text) else text


def _guess(data: bytes) -> str | None:
    sample = data if len(data) <= _SAMPLE else data[: _SAMPLE // 2] + data[-_SAMPLE // 2 :]
    found = from_bytes(sample, cp_isolation=list(_LIKELY), preemptive_behaviour=False, enable_fallback=False)
    fits = {match.encoding: match for match in found}
    for name in sorted((name for name in _LIKELY if name in fits), key=lambda name: fits[name].chaos):
        try:
            text = data.decode(name)
        except UnicodeDecodeError:
            continue
        if not _controls(text):
            return text
    return None


def _controls(text: str) -> bool:
    """Whether it holds controls that no text has; C1 controls are what a wrong one-byte encoding gives."""
    sample = text[:_SAMPLE]
    return any((char < " " and char not in "\t\n\r\x0b\x0c\x1a\x1b") or "\x7f" <= char <= "\x9f" for char in sample)
