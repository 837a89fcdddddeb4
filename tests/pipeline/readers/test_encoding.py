"""Bytes become text in the encoding they are in, or are named as no text."""

import pytest

from pipeline.readers import Rejected
from pipeline.readers.encoding import decode
from tests.conftest import EXAMPLE

GREETING = "Добрий вечір, ми з України"
QUOTED = "Ґанок, їжак і єнот: «Слава Україні!» — сказали вони."


@pytest.mark.parametrize("encoding", ["cp1251", "koi8_u", "iso8859_5", "cp866"])
def test_old_encodings_of_cyrillic_are_recognised(encoding: str) -> None:
    for text in (GREETING, EXAMPLE.read_text()):
        data = text.encode(encoding, "ignore")
        assert decode(data) == data.decode(encoding)


def test_a_declared_encoding_is_believed_unless_the_bytes_are_utf8() -> None:
    assert decode("Łódź".encode("cp1250"), "windows-1250") == "Łódź"
    assert decode(QUOTED.encode("cp1251"), "Windows-1251") == QUOTED
    assert decode(QUOTED.encode(), "windows-1251") == QUOTED
    assert decode(GREETING.encode("cp1251"), "no-such-encoding") == GREETING
    assert decode(GREETING.encode("cp1251"), "utf-8") == GREETING
    assert decode(GREETING.encode("cp1251"), "base64") == GREETING


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_mark_of_byte_order_says_the_encoding_and_goes(encoding: str) -> None:
    assert decode(QUOTED.encode(encoding)) == QUOTED


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff\xfe\x00", "not-text"),
        (b"\xff\xfe\x00\xd8a", "not-text"),
        (b"a\x00b", "binary"),
        ("а\x00б".encode("utf-16"), "binary"),
        (bytes(range(1, 256)), "not-text"),
    ],
)
def test_what_is_no_text_is_named(data: bytes, reason: str) -> None:
    with pytest.raises(Rejected) as caught:
        decode(data)
    assert caught.value.reason == reason
