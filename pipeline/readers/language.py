"""Names of languages as formats carry them (BCP 47 tags, ISO 639-2 codes, English names), as ISO 639-1."""

from __future__ import annotations

import re

_TAG = re.compile(r"([a-z]{2,3})(?:[-_][a-z0-9_-]{1,60})?", re.IGNORECASE)
# Three-letter codes, names and the usual mistake (`ua` is the country) of the languages met in Ukrainian media.
_ALSO = {
    "ua": "uk", "ukr": "uk", "ukrainian": "uk", "eng": "en", "english": "en", "rus": "ru", "russian": "ru",
    "pol": "pl", "polish": "pl", "deu": "de", "ger": "de", "german": "de", "fra": "fr", "fre": "fr", "french": "fr",
    "bel": "be", "belarusian": "be", "bul": "bg", "bulgarian": "bg", "ron": "ro", "rum": "ro", "romanian": "ro",
    "hun": "hu", "hungarian": "hu", "crh": "crh",
}  # fmt: skip
_CYRILLIC = frozenset({"uk", "ru", "be", "bg", "mk", "sr", "kk", "ky", "tg", "mn", "crh"})


def base_language(tag: str | None) -> str | None:
    """`uk-UA`, `ukr`, `Ukrainian` give `uk`; None for what names no language (`und`, `mul`, nonsense)."""
    text = (tag or "").strip().lower()
    if text in _ALSO:
        return _ALSO[text]
    match = _TAG.fullmatch(text)
    if match is None or match[1] in {"und", "mul", "zxx", "mis"}:
        return None
    return _ALSO.get(match[1], match[1])


def named(tag: str | None) -> str | None:
    """As `base_language`, but what a sender writes and is not understood stays as it is, so that an error names it."""
    return base_language(tag) or (tag or "").strip() or None


def is_cyrillic(language: str) -> bool:
    return language in _CYRILLIC
