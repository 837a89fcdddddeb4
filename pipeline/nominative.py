"""The nominative form of a Ukrainian name, from its parse: the head and what agrees with it, the rest as it stands.

«Коаліції охочих» -> «Коаліція охочих»: the head takes its lemma's form, a genitive dependent stays. «Збройних Сил
України» -> «Збройні Сили України»: the plural is built from the lemma, adjectives agree with the head. No dictionary
is needed: the lemma, the number and the gender come from the parse, and a nominative form seen in the same document
is preferred to a built one. Endings: the declension tables of «Український правопис» (2019), § 82-104.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipeline.artifact import ParsedSentence, Word

_AGREEING = frozenset({"amod", "det", "flat", "flat:name", "flat:title", "appos", "nummod"})
_INFLECTED = frozenset({"NOUN", "PROPN", "ADJ", "DET", "PRON"})
_SIBILANTS = frozenset("жчшщ")
_VOWELS = frozenset("аеєиіїоуюя")

Seen = dict[tuple[str, str], str]  # (lemma, number) -> a nominative form in the document


def features(word: Word) -> dict[str, str]:
    """UD features as a mapping: `Case=Gen|Number=Sing` -> {"Case": "Gen", "Number": "Sing"}."""
    return dict(pair.split("=", 1) for pair in word.feats.split("|") if "=" in pair)


def nominatives(sentences: Iterable[ParsedSentence]) -> Seen:
    """Nominative nouns of a document, so that «Сили» seen once serves «Силами»."""
    seen: Seen = {}
    for sentence in sentences:
        for word in sentence.words:
            if word.upos in {"NOUN", "PROPN"}:
                feats = features(word)
                if feats.get("Case") == "Nom":
                    seen.setdefault((word.lemma.lower(), feats.get("Number", "Sing")), word.form)
    return seen


def head_of(words: Sequence[Word], first: int, last: int) -> int:
    """Index within `words` of the head of the span [first, last]: the first word governed from outside it."""
    inside = range(first + 1, last + 2)  # heads are 1-based
    outside = [index for index in range(first, last + 1) if words[index].head not in inside]
    return next(
        (index for index in outside if words[index].upos in {"NOUN", "PROPN"}),
        outside[0] if outside else first,
    )


def is_nominative(words: Sequence[Word], first: int, last: int) -> bool:
    return features(words[head_of(words, first, last)]).get("Case") == "Nom"


def nominative(words: Sequence[Word], first: int, last: int, seen: Seen, *, is_person: bool = False) -> list[str]:
    """The forms of the words of the span [first, last] with its head in the nominative."""
    forms = [word.form for word in words[first : last + 1]]
    head = head_of(words, first, last)
    if words[head].upos not in _INFLECTED or is_nominative(words, first, last):
        return forms
    head_features = features(words[head])
    turned = {head}
    # Heads may stand after their dependents, so walk until nothing more is added.
    while added := {
        index
        for index in range(first, last + 1)
        if index not in turned and _agrees(words[index], words, turned, head_features, is_person)
    }:
        turned |= added
    for index in turned:
        forms[index - first] = _turn(words[index], head_features, seen)
    return forms


def _agrees(word: Word, words: Sequence[Word], turned: set[int], head: dict[str, str], is_person: bool) -> bool:
    if word.upos not in _INFLECTED:
        return False
    same_case = features(word).get("Case") == head.get("Case")
    if is_person and word.upos == "PROPN":
        return same_case  # a full name is inflected in all its parts, whatever the tree says
    return same_case and word.deprel in _AGREEING and word.head - 1 in turned


def _turn(word: Word, head: dict[str, str], seen: Seen) -> str:
    """One word in the nominative, spelled with the capitals of the document."""
    form, lemma = word.form, word.lemma
    if is_abbreviation(form) or not _plausible(lemma, form):
        return form
    own = features(word)
    number = own.get("Number", head.get("Number", "Sing"))
    if word.upos in {"ADJ", "DET", "PRON"}:
        turned = _adjective(lemma, own.get("Gender") or head.get("Gender", "Masc"), number)
    elif number == "Plur":
        turned = seen.get((lemma.lower(), "Plur")) or _plural(lemma)
    elif own.get("Gender") == "Fem" and lemma.endswith(("ський", "цький", "зький")):
        turned = _adjective(lemma, "Fem", "Sing")  # a surname that declines as an adjective
    else:
        turned = lemma
    return _spelled_like(turned, form)


def _adjective(lemma: str, gender: str, number: str) -> str:
    """Masculine nominative singular to another gender or number: новий, нова, нове, нові."""
    if not lemma.endswith(("ий", "ій", "їй")) or (number == "Sing" and gender == "Masc"):
        return lemma
    stem, soft = lemma[:-2], lemma[-2] in "ії"
    iotated = lemma.endswith("їй")
    if number == "Plur":
        return stem + ("ї" if iotated else "і")
    endings = {"Fem": "я" if soft else "а", "Neut": "є" if soft else "е"}
    return stem + endings.get(gender, lemma[-2:])


def _plural(lemma: str) -> str:
    """Nominative plural of a noun from its singular."""
    lower = lemma.lower()
    if lower.endswith(("и", "і", "ї")) or lower.endswith("ння") or lower.endswith("ття"):
        return lemma  # has no singular (Карпати), or is the same in both (питання)
    if lower.endswith(("ський", "цький", "зький", "ий")):
        return lemma[:-2] + "і"
    rules = (
        ("ість", "ості"),
        ("анин", "ани"),
        ("янин", "яни"),
        ("ець", "ці"),
        ("ок", "ки"),
        ("ія", "ії"),
        ("ій", "ії"),
        ("й", "ї"),
        ("ь", "і"),
        ("я", "і"),
        ("о", "а"),
        ("е", "я"),
    )
    for ending, plural in rules:
        if lower.endswith(ending):
            return lemma[: -len(ending)] + plural
    if lower.endswith("а"):
        return lemma[:-1] + ("і" if lower[-2:-1] in _SIBILANTS else "и")
    if lower[-1:] in _VOWELS or not lower[-1:].isalpha():
        return lemma
    return lemma + ("і" if lower[-1] in _SIBILANTS else "и")


def is_abbreviation(form: str) -> bool:
    """ЗСУ, НАТО, ППО: at least two letters, all capital. They do not decline."""
    letters = [char for char in form if char.isalpha()]
    return 2 <= len(letters) <= 6 and all(char.isupper() for char in letters)


# рік - року, піч - печі, Київ - Києва: what a vowel may become in the closed syllable of the nominative.
_ALTERNATION = str.maketrans("оеєї", "іііі")


def _plausible(lemma: str, form: str) -> bool:
    """A lemmatizer that never saw a name may invent one: trust it when it begins as the form does."""
    common = max(1, min(len(lemma), len(form), 3) - 1)
    return lemma.lower()[:common].translate(_ALTERNATION) == form.lower()[:common].translate(_ALTERNATION)


def _spelled_like(turned: str, form: str) -> str:
    if form.isupper() and len(form) > 1:
        return turned.upper()
    if form[:1].isupper():
        return turned[:1].upper() + turned[1:]
    return turned
