"""Texts that real feeds have and that models were not trained on, of any length."""

from __future__ import annotations

from collections.abc import Callable

_SPOKEN = "і тоді ми поїхали до Києва на зустріч з партнерами про яку вчора говорили на нараді у Львові "
_WRITTEN = "Президент України Володимир Зеленський прибув до Варшави. Зустріч відбулася у вівторок, 14 травня. "
_RUSSIAN = "Вчера в Харькове прошла встреча с волонтёрами. Они рассказали, что помощь дошла до всех. "
_TABLE = "Область\tРаніше\tТепер\nКиївська\t12,5\t13,7\nЛьвівська\t–\t1 200,00\n"
_LIST = "1. Перелік робіт:\n  а) дах;\n  б) вікна;\n• двері\n- сходи\n\n"
_EMOJI = "🇺🇦 Слава! 👩‍👩‍👧🔥🔥🔥 дякуємо 🙏🏽 всім❤️ "
_LINKS = "https://example.org/a?b=c&d=%D0%B0 @хтось #Перемога2024 "

TEXTS: dict[str, Callable[[int], str]] = {
    "speech without punctuation": lambda length: _repeated(_SPOKEN, length),
    "one sentence of commas": lambda length: _repeated("і ще Одеса, і ще Дніпро, ", length),
    "capitals": lambda length: _repeated(_WRITTEN.upper(), length),
    "no capitals": lambda length: _repeated(_WRITTEN.lower().replace(".", "").replace(",", ""), length),
    "Russian": lambda length: _repeated(_RUSSIAN, length),
    "a table": lambda length: _repeated(_TABLE, length),
    "lists": lambda length: _repeated(_LIST, length),
    "emoji": lambda length: _repeated(_EMOJI, length),
    "links and tags": lambda length: _repeated(_LINKS, length),
    "a mixture": lambda length: _repeated(_WRITTEN + _RUSSIAN + _TABLE + _EMOJI + _SPOKEN + _LIST + _LINKS, length),
    "one word": lambda length: "а" * length,
    "one word of syllables": lambda length: _repeated("пере-", length),
    "digits": lambda length: _repeated("1234567890", length),
    "dots": lambda length: "." * length,
    "quotation marks": lambda length: _repeated("«»", length),
    "a line a word": lambda length: _repeated("так\n", length),
    "spaces": lambda length: " " * length + "так",
    "stress marks": lambda length: _repeated("за́мок і замо́к ", length),
}


def _repeated(text: str, length: int) -> str:
    return (text * (length // len(text) + 1))[:length]
