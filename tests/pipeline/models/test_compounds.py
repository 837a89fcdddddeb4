import pytest

from pipeline.models.compounds import whole
from pipeline.models.cutting import Token


def tokens(text: str) -> list[Token]:
    """Cut at spaces, which are dropped, and at bars, which stand for nothing."""
    result, at = [], 0
    for word in text.split(" "):
        for part in word.split("|"):
            result.append(Token(part, at, at + len(part)))
            at += len(part)
        at += 1
    return result


@pytest.mark.parametrize(
    ("cut", "joined"),
    [
        ("науково|-|технічний прогрес", ["науково-технічний", "прогрес"]),
        ("о 11|:|59 , 44|,|03 млн", ["о", "11:59", ",", "44,03", "млн"]),
        ("15|.|12|.|2021", ["15.12.2021"]),
        ("Київ - Львів", ["Київ", "-", "Львів"]),
        ("так|, ні", ["так", ",", "ні"]),
        ("з 5|-|го|.", ["з", "5-го", "."]),
        ("-|433", ["-", "433"]),
        ("а|:|б", ["а", ":", "б"]),
        ("слово", ["слово"]),
    ],
)
def test_what_stands_close_together_is_one_word(cut: str, joined: list[str]) -> None:
    found = whole(tokens(cut))
    assert [token.text for token in found] == joined
    assert all(token.end - token.start == len(token.text) for token in found)


def test_nothing_stays_nothing() -> None:
    assert whole([]) == []
