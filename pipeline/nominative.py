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

# (lemma, number) -> a nominative form in the document
Seen = dict[tuple[str, str], str]


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
    """The forms of the words of the span [first, last] with its head in the nominative.

    All or nothing: when the head or a word that agrees with it cannot be turned, the forms stay as they stand. Half a
    name in another case reads worse than a whole one.
    """
    span = range(first, last + 1)
    forms = [words[index].form for index in span]
    head = head_of(words, first, last)
    is_counted = any(words[index].upos == "NUM" or words[index].form[:1].isdigit() for index in span)
    if words[head].upos not in _INFLECTED or is_counted or is_nominative(words, first, last):
        return forms
    case = features(words[head]).get("Case")
    turned = {head}
    # Heads may stand after their dependents, so walk until nothing more is added.
    while added := {i for i in span if i not in turned and _agrees(words[i], words, turned, case, is_person)}:
        turned |= added
    result = list(forms)
    for index in turned:
        form = _turn(words[index], features(words[head]), seen)
        if form is None:
            return forms
        result[index - first] = form
    return result


def _agrees(word: Word, words: Sequence[Word], turned: set[int], case: str | None, is_person: bool) -> bool:
    if word.upos not in _INFLECTED or features(word).get("Case") != case:
        return False
    if is_person and word.upos == "PROPN":
        return True  # a full name is inflected in all its parts, whatever the tree says
    governor = word.head - 1
    if governor not in turned:
        return False
    if word.deprel == "conj":  # Луганська та Донецька області
        return words[governor].upos == word.upos
    return word.deprel in _AGREEING


def _turn(word: Word, head: dict[str, str], seen: Seen) -> str | None:
    """One word in the nominative, spelled with the capitals of the document; None when it cannot be had."""
    form, lemma = word.form, word.lemma
    if is_abbreviation(form):
        return form
    own = features(word)
    number = own.get("Number", head.get("Number", "Sing"))
    gender = own.get("Gender") or head.get("Gender", "Masc")
    is_adjective = word.upos in {"ADJ", "DET", "PRON"} or (word.upos == "PROPN" and lemma.endswith("ий"))
    if number in {"Plur", "Ptan"}:
        turned = seen.get((lemma.lower(), number)) or (
            _adjective(lemma, "", "Plur") if is_adjective else _plural(lemma)
        )
    elif is_adjective:
        turned = _adjective(lemma, gender, "Sing")
    else:
        turned = lemma if _declines_as(lemma, gender) else None
    if turned is None or not _plausible(turned, form):
        return None
    return _spelled_like(turned, form)


def _declines_as(lemma: str, gender: str) -> bool:
    """Whether a lemma can be a nominative singular of the gender. «Служб» is none of «Службі»."""
    last = lemma[-1:].lower()
    if gender == "Fem":
        return last in "аяьівч" or last in _SIBILANTS or last == "р"  # рада, земля, область, пані, любов, ніч, матір
    if gender == "Neut":
        return last in _VOWELS
    return True


def _adjective(lemma: str, gender: str, number: str) -> str | None:
    """Masculine nominative singular to another gender or number: новий, нова, нове, нові."""
    if not lemma.endswith(("ий", "ій", "їй")) or lemma in {"мій", "твій", "свій"}:
        return lemma if gender == "Masc" and number == "Sing" else None
    if number == "Sing" and gender == "Masc":
        return lemma
    stem, is_soft = lemma[:-2], lemma[-2] in "ії"
    if number == "Plur":
        return stem + ("ї" if lemma.endswith("їй") else "і")
    endings = {"Fem": "я" if is_soft else "а", "Neut": "є" if is_soft else "е"}
    return stem + endings[gender] if gender in endings else None


# Singulars whose plural no rule below gives.
_IRREGULAR = {
    "рік": "роки",
    "день": "дні",
    "тиждень": "тижні",
    "місяць": "місяці",
    "людина": "люди",
    "дитина": "діти",
    "око": "очі",
    "вухо": "вуха",
    "ім'я": "імена",
    "ім’я": "імена",
    "боєць": "бійці",
    "друг": "друзі",
    "сім'я": "сім'ї",
    "сім’я": "сім’ї",
    "стіл": "столи",
    "ніч": "ночі",
    "гість": "гості",
    "кінь": "коні",
}


def _plural(lemma: str) -> str | None:
    """Nominative plural of a noun from its singular; None where the ending does not tell."""
    lower = lemma.lower()
    if lower in _IRREGULAR:
        return _IRREGULAR[lower]
    if lower.endswith(("и", "і", "ї", "ння", "ття", "лля", "ззя", "сся", "ддя", "чя", "ччя", "жжя", "ю", "у")):
        return lemma  # has no singular (Карпати), or is the same in both (питання)
    if lower.endswith("ий"):
        return lemma[:-2] + "і"
    for ending, plural in _PLURALS:
        if lower.endswith(ending):
            return lemma[: -len(ending)] + plural
    before = lower[-2:-1]
    if lower.endswith("я"):
        return lemma[:-1] + ("ї" if before in _VOWELS or before in "'’" else "і")
    if lower.endswith("е"):
        return lemma[:-1] + ("а" if before in _SIBILANTS else "я")
    if lower.endswith("а"):
        return lemma[:-1] + ("і" if before in _SIBILANTS else "и")
    if lower[-1:] in _VOWELS or not lower[-1:].isalpha():
        return None
    # The vowel of a closed syllable may change or fall (стіл, пункт): only clear endings are built.
    if lower[-2:-1] in {"і", "о"}:
        return None
    return lemma + ("і" if lower[-1] in _SIBILANTS else "и")


_PLURALS = (
    ("ість", "ості"),
    ("анин", "ани"),
    ("янин", "яни"),
    ("ець", "ці"),
    ("тель", "телі"),
    ("ія", "ії"),
    ("ій", "ії"),
    ("й", "ї"),
    ("ар", "арі"),
    ("яр", "ярі"),
    ("ь", "і"),
    ("о", "а"),
)


def is_abbreviation(form: str) -> bool:
    """ЗСУ, НАТО, ППО: at least two letters, all capital. They do not decline."""
    letters = [char for char in form if char.isalpha()]
    return 2 <= len(letters) <= 6 and all(char.isupper() for char in letters)


# рік - року, піч - печі, Київ - Києва: what a vowel may become in the closed syllable of the nominative.
_ALTERNATION = str.maketrans("оеєї", "іііі")


def _plausible(turned: str, form: str) -> bool:
    """A lemmatizer that never saw a name may invent one: trust it when it begins as the form does."""
    common = max(1, min(len(turned), len(form), 4) - 1)
    return turned.lower()[:common].translate(_ALTERNATION) == form.lower()[:common].translate(_ALTERNATION)


def _spelled_like(turned: str, form: str) -> str:
    if form.isupper() and len(form) > 1:
        return turned.upper()
    if form[:1].isupper():
        return turned[:1].upper() + turned[1:]
    return turned
