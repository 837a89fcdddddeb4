"""Words in which Latin and Cyrillic letters that look alike are mixed: «Укpaїна», «Сovid».

They come from keyboards, from optical recognition, and from people who hide words from filters. A word becomes one
script when its letters of the other all have a twin in it, and it has a letter that only that script has. A word with
letters of both scripts that have no twin («SMSка», «PRник») is meant so, and stays.
"""

from __future__ import annotations

import re

# The twins, lower case and upper case. Accented Latin vowels stand for stressed Cyrillic ones («зáмок»).
_LATIN = "aceiopxyABCEHIKMOPTXYkïëáéíóýÁÉÍÓÝ"
_CYRILLIC = "асеіорхуАВСЕНІКМОРТХУкїёаеіоуАЕІОУ"
_TO_CYRILLIC = dict(zip(_LATIN, _CYRILLIC, strict=True))
_TO_LATIN = dict(zip(_CYRILLIC[:22], _LATIN[:22], strict=True))
_CYRILLIC_TABLE = str.maketrans(_TO_CYRILLIC)
_LATIN_TABLE = str.maketrans(_TO_LATIN)
_ROMAN = frozenset("IVXLCDMІХСМ")

LATIN_LETTERS = "A-Za-zÀ-ÖØ-öø-ÿ"
CYRILLIC_LETTERS = "А-Яа-яЁёІіЇїЄєҐґЎў"
# Where letters of the two meet. A word that has no such place is of one script.
MEETING = re.compile(f"(?<=[{CYRILLIC_LETTERS}])[{LATIN_LETTERS}]|[{LATIN_LETTERS}](?=[{CYRILLIC_LETTERS}])")
WORD = re.compile(f"[{LATIN_LETTERS}{CYRILLIC_LETTERS}]+")
_ENDING = re.compile(f"[{LATIN_LETTERS}]+[{CYRILLIC_LETTERS}]+")
# «IIв» is the number of a class or a group, and its numeral stays one.
_NUMBERED = re.compile(f"[IVXLCDM]{{2,}}[{CYRILLIC_LETTERS}]+")
_IS_LATIN = re.compile(f"[{LATIN_LETTERS}]")


def in_one_script(word: str) -> str:
    """The word in the script that it is meant in, of the same length; the word itself where that is not clear."""
    latin = {letter for letter in word if _IS_LATIN.match(letter)}
    cyrillic = set(word) - latin
    if not latin or not cyrillic or _NUMBERED.fullmatch(word):
        return word
    may_be_cyrillic = latin <= _TO_CYRILLIC.keys()
    may_be_latin = cyrillic <= _TO_LATIN.keys()
    if may_be_cyrillic and may_be_latin:
        return _by_majority(word, sum(letter in latin for letter in word))
    if may_be_cyrillic:
        return word.translate(_CYRILLIC_TABLE)
    # A Ukrainian ending on a foreign name is no mistake: «SMSка», «iPhoneа».
    has_ending = _ENDING.fullmatch(word) is not None
    return word.translate(_LATIN_TABLE) if may_be_latin and not has_ending else word


def _by_majority(word: str, latin: int) -> str:
    """Every letter has a twin. Roman numerals («ХIХ») are typed in any mixture and mean the same, so they stay."""
    if _ROMAN.issuperset(word) or latin * 2 == len(word):
        return word
    return word.translate(_CYRILLIC_TABLE if latin * 2 < len(word) else _LATIN_TABLE)
