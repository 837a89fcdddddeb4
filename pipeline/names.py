"""Which mentions of a document name the same thing, and what to call it.

Two mentions are one entity when they have the same type and the same words in any case («Туреччини», «Туреччиною»),
when a part of a person's name stands for the whole («Рустем» for «Рустем Умєров»), or when one is the abbreviation of
the other («ЗСУ» for «Збройні Сили України»). The fullest mention gives the name; one that stands in the nominative is
taken as it is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from pipeline.artifact import Entity, Mention, Parse, Word
from pipeline.nominative import (
    Seen,
    features,
    head_of,
    is_abbreviation,
    is_nominative,
    nominative,
    nominatives,
)

PERSON = "PERS"
_ORGANISATION = "ORG"
# Endings of nouns and adjectives in all cases: what may differ between two forms of one name.
_ENDINGS = frozenset(
    (  # noqa: SIM905 (fifty quoted strings are harder to read)
        "|а|я|о|є|е|и|і|ї|у|ю|ь|й|ий|ій|їй|ого|ього|ому|ьому|им|їм|ім|ої|ьої|ую|ю|их|іх|їх|ими|їми|"
        "ом|ем|єм|ою|ею|єю|ові|еві|єві|ів|їв|ам|ям|ами|ями|ах|ях"
    ).split("|")
)


@dataclass(frozen=True)
class Found:
    """A tagged span: words `first`..`last` (0-based, inclusive) of sentence `sentence`."""

    sentence: int
    first: int
    last: int
    type: str


@dataclass
class _Group:
    type: str
    key: tuple[str, ...]
    gender: str | None  # of a person, when the first mention tells
    found: list[Found] = field(default_factory=list)


def entities(text: str, parse: Parse, spans: Sequence[Found]) -> tuple[Entity, ...]:
    """Join `spans` (in document order) into entities, in the order of their first mention."""
    groups: list[_Group] = []
    # Long documents name thousands of things: only groups whose first words share a stem are compared.
    alike: dict[tuple[str, int, str], list[_Group]] = defaultdict(list)
    for span in spans:
        words = parse.sentences[span.sentence].words[span.first : span.last + 1]
        key = tuple(word.lemma.lower() for word in words)
        places = [(span.type, len(key), stem) for stem in _stems(key[0])]
        gender = _gender(parse, span)
        neighbours = (g for place in places for g in alike[place])
        group = next((g for g in neighbours if _same_words(g.key, key) and _same_gender(g.gender, gender)), None)
        if group is None:
            group = _Group(span.type, key, gender)
            groups.append(group)
            for place in places:
                alike[place].append(group)
        group.found.append(span)
    groups = _absorb(groups)
    seen = nominatives(parse.sentences)
    return tuple(
        Entity(
            id=f"e{number}",
            type=group.type,
            name=_name(parse, group, seen),
            mentions=tuple(_mention(text, parse, span) for span in group.found),
        )
        for number, group in enumerate(groups, 1)
    )


def _mention(text: str, parse: Parse, span: Found) -> Mention:
    words = parse.sentences[span.sentence].words
    start, end = words[span.first].start, words[span.last].end
    return Mention(start, end, text[start:end], span.sentence)


def _gender(parse: Parse, span: Found) -> str | None:
    """A person's grammatical gender; Зеленський and Зеленська are two people, Ткаченко may be both."""
    if span.type != PERSON:
        return None
    words = parse.sentences[span.sentence].words
    return features(words[head_of(words, span.first, span.last)]).get("Gender")


def _same_gender(left: str | None, right: str | None) -> bool:
    return left is None or right is None or left == right


def _same_words(left: tuple[str, ...], right: tuple[str, ...]) -> bool:
    return len(left) == len(right) and all(map(_same_word, left, right))


def _same_word(left: str, right: str) -> bool:
    """Equal lemmas, or lemmas that differ in an ending only: the lemmatizer is often unsure of a name's."""
    return left == right or not _stems(left).isdisjoint(_stems(right))


@lru_cache(maxsize=10_000)  # some 10 MB
def _stems(word: str) -> frozenset[str]:
    """What may be left of a word without its ending, at least four letters; of a short word, the word."""
    stems = {word[:at] for at in range(4, len(word) + 1) if word[at:] in _ENDINGS}
    return frozenset(stems or {word})


def _beginning(word: str) -> str:
    """What every form of a word shares, short enough to survive a wrong lemma."""
    return word[:3]


def _absorb(groups: list[_Group]) -> list[_Group]:
    """Give the short names' mentions to the one fuller name they can stand for; ambiguous ones stay apart."""
    fuller: dict[str, list[_Group]] = defaultdict(list)
    for group in groups:
        for name in _short_names(group):
            fuller[name].append(group)
    absorbed: set[int] = set()
    for group in groups:
        candidates = [full for full in fuller[_as_short(group)] if _stands_for(group, full)]
        if len(candidates) == 1 and id(candidates[0]) not in absorbed:
            candidates[0].found.extend(group.found)
            absorbed.add(id(group))
    kept = [group for group in groups if id(group) not in absorbed]
    for group in kept:
        group.found.sort(key=lambda span: (span.sentence, span.first))
    return sorted(kept, key=lambda group: (group.found[0].sentence, group.found[0].first))


def _short_names(full: _Group) -> set[str]:
    """Under which beginnings a short name of `full` is looked for."""
    if len(full.key) == 1:
        return set()
    if full.type == PERSON:
        return {_beginning(word) for word in full.key}
    return {_initials(full)} if full.type == _ORGANISATION else set()


def _as_short(group: _Group) -> str:
    return group.key[0] if group.type == _ORGANISATION else _beginning(group.key[0])


def _initials(group: _Group) -> str:
    return "".join(word[0] for word in group.key if word[0].isalpha())


def _stands_for(short: _Group, full: _Group) -> bool:
    if short.type != full.type or len(short.key) >= len(full.key) or not _same_gender(short.gender, full.gender):
        return False
    if short.type == PERSON:
        rest = iter(full.key)  # in the same order, perhaps with a patronymic between
        return all(any(_same_word(part, word) for word in rest) for part in short.key)
    (name, *more) = short.key
    return not more and is_abbreviation(name.upper()) and name == _initials(full)


def _name(parse: Parse, group: _Group, seen: Seen) -> str:
    longest = max(span.last - span.first for span in group.found)
    fullest = [span for span in group.found if span.last - span.first == longest]

    def words(span: Found) -> tuple[Word, ...]:
        return parse.sentences[span.sentence].words

    standing = [span for span in fullest if is_nominative(words(span), span.first, span.last)]
    candidates = standing or fullest
    names = [
        _join(
            words(span)[span.first : span.last + 1],
            nominative(words(span), span.first, span.last, seen, is_person=group.type == PERSON),
        )
        for span in candidates
    ]
    return Counter(names).most_common(1)[0][0]


def _join(words: Sequence[Word], forms: Sequence[str]) -> str:
    """The forms with one space where the document has any."""
    name = forms[0]
    for before, word, form in zip(words, words[1:], forms[1:], strict=False):
        name += form if word.start == before.end else f" {form}"
    return name
