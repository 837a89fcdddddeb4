"""The one error of everything that decides what may enter."""

from __future__ import annotations


class Rejected(Exception):
    """An input may not enter. `reason` is one of a few words that can be counted, `explanation` is for people."""

    def __init__(self, reason: str, explanation: str) -> None:
        super().__init__(f"{reason}: {explanation}")
        self.reason = reason
        self.explanation = explanation


def decode_utf8(data: bytes) -> str:
    """Text of a file. Raises Rejected for what is not text; every kind of line end becomes a line feed."""
    if b"\x00" in data:
        raise Rejected("binary", "it holds NUL bytes, so it is not text")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Rejected(
            "not-utf8", f"byte {error.start} is not valid UTF-8; convert it first, e.g. iconv -f cp1251 -t utf-8"
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
