"""What a bundle takes for what, the most frequent first: where to look before training again.

On data that is there to develop on: the dev part of UD ParlaMint, and the documents of NER-UK's training file that
`iob.is_dev` sets aside. Test files are for scores alone. As in the scores, only universal features are compared, and
relations without their subtypes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from pipeline import conllu
from pipeline.models.bundle import Manifest
from pipeline.models.evaluate import entities, iob, treebank
from pipeline.models.evaluate.iob import Span
from pipeline.models.evaluate.reading import Reader
from pipeline.models.evaluate.scores import existing

Tell = Callable[[str], None]

TREEBANK = "uk_parlamint-ud-dev.conllu"
ENTITIES = "ner-uk-v2.train.iob"
PARSER = "syntax.safetensors"  # as the manifest names it
NOTHING = "-"
OTHER_EDGES = "other edges"
_AROUND = 4  # words on either side of a context
_AROUND_CHARS = 40


class Confusion(msgspec.Struct, frozen=True):
    gold: str
    said: str
    times: int
    contexts: tuple[str, ...]


class Confusions(msgspec.Struct, frozen=True):
    tables: tuple[Table, ...]


class Table(msgspec.Struct, frozen=True):
    """`wrong` of `all` things were taken for another; `rows` are the most frequent of those."""

    name: str
    all: int
    wrong: int
    rows: tuple[Confusion, ...]


class Taken(NamedTuple):
    """One thing, what it was taken for, and where."""

    gold: str
    said: str
    context: str


class Word(NamedTuple):
    """A row of a unit's CoNLL-U. `head` is the index of its head among the unit's words, None for a root."""

    place: tuple[int, int]  # characters of the unit that are not spaces
    form: str
    upos: str
    feats: dict[str, str]
    head: int | None
    deprel: str


def confusions(
    reader: Reader, data: Path, parts: Sequence[str], most: int, contexts: int, tell: Tell = lambda what: None
) -> Confusions:
    """The `most` frequent confusions of each kind with `contexts` places each. Only parse and entities have any."""
    tables: list[Table] = []
    if "parse" in parts:
        documents = treebank.read_treebank(existing(data / "ud" / TREEBANK))
        tell(f"UD ParlaMint dev: {len(documents)} documents")
        tables += of_words(aligned(reader, documents), most, contexts)
    if "entities" in parts:
        train = iob.read_iob(existing(data / "ner" / ENTITIES))
        dev = [document for number, document in enumerate(train) if iob.is_dev(number)]
        tell(f"NER-UK 2.0, dev part: {len(dev)} documents")
        tables.append(of_entities(dev, entities.pairs(reader, dev), most, contexts))
    return Confusions(tuple(tables))


def has_learned_from_it(manifest: Manifest) -> bool:
    """Whether the bundle's parser learned from the treebank that its errors are counted on: it errs less there."""
    training = manifest.training.get(PARSER)
    learned = training.settings.get("treebanks", {}).values() if training else ()
    return any(Path(name).name == TREEBANK for names in learned for name in names)


class Aligned(NamedTuple):
    """The words of a unit, gold and said, and which gold word each said one is (where the same characters are)."""

    gold: list[Word]
    said: list[Word]
    gold_of: dict[int, int]


def aligned(reader: Reader, documents: Sequence[treebank.GoldDocument]) -> Iterator[Aligned]:
    read = reader.read((document.text for document in documents), "parse")
    for document, subject in zip(documents, read, strict=True):
        for unit in treebank.units(document.sentences, treebank.blocks(conllu.render(subject.document, subject.parse))):
            yield align(words(unit.gold), words(unit.said))


def align(gold: list[Word], said: list[Word]) -> Aligned:
    places = {word.place: at for at, word in enumerate(gold)}
    return Aligned(gold, said, {at: places[word.place] for at, word in enumerate(said) if word.place in places})


def words(unit: str) -> list[Word]:
    """The words of a unit. Those of a multi-word token are left out, since they have no place of their own."""
    result: list[Word] = []
    at = 0
    for sentence in treebank.blocks(unit):
        tokens = list(treebank.tokens(sentence.split("\n")))
        single = [token for token in tokens if token.number.isdigit()]
        index = {token.number: len(result) + number for number, token in enumerate(single)}
        for token in tokens:
            end = at + len("".join(token.form.split()))
            if token.number in index:
                word = Word(
                    (at, end),
                    token.form,
                    token.upos,
                    _features(token.feats),
                    index.get(token.head),
                    token.deprel.partition(":")[0],
                )
                result.append(word)
            at = end
    return result


def of_words(units: Iterator[Aligned], most: int, contexts: int) -> list[Table]:
    """Tags, features, relations and heads of all words whose characters were found."""
    total = 0
    tags: list[Taken] = []
    features: list[Taken] = []
    relations: list[Taken] = []
    heads: list[Taken] = []
    for unit in units:
        total += len(unit.gold_of)
        for said_at, gold_at in unit.gold_of.items():
            gold, said = unit.gold[gold_at], unit.said[said_at]
            where = _context(unit.gold, gold_at)
            if gold.upos != said.upos:
                tags.append(Taken(gold.upos, said.upos, where))
            for name in sorted(gold.feats.keys() | said.feats.keys()):
                if gold.feats.get(name) != said.feats.get(name):
                    features.append(Taken(_feature(name, gold.feats), _feature(name, said.feats), where))
            if gold.deprel != said.deprel:
                relations.append(Taken(gold.deprel, said.deprel, where))
            said_head = None if said.head is None else unit.gold_of.get(said.head, -1)
            if said_head != gold.head:
                by = _head(unit.gold, gold.head), _head(unit.said, said.head)
                heads.append(Taken(f"{gold.deprel} of {by[0]}", f"of {_other(*by)}", where))
    return [
        _table("part of speech", total, tags, most, contexts),
        _table("features", total, features, most, contexts),
        _table("relations, whatever the head", total, relations, most, contexts),
        _table("heads", total, heads, most, contexts),
    ]


def of_entities(
    documents: Sequence[iob.GoldDocument], found: Sequence[entities.Pair], most: int, contexts: int
) -> Table:
    """What was missed (said: -), made up (gold: -), of another type, or found with other edges."""
    wrong = [
        Taken(gold, said, _around(document.text, span))
        for document, (own, others) in zip(documents, found, strict=True)
        for gold, said, span in taken(own, others)
    ]
    total = sum(len(set(own) | set(others)) for own, others in found)
    return _table("entities", total, wrong, most, contexts)


def taken(gold: Sequence[Span], said: Sequence[Span]) -> Iterator[tuple[str, str, Span]]:
    """Pair what is not exactly right: the same place first, then what overlaps most, of the same type if there is."""
    missed, made_up = set(gold) - set(said), set(said) - set(gold)
    pairs = sorted(
        (
            (-_overlap(own, other), own.type != other.type, own, other)
            for own in missed
            for other in made_up
            if _overlap(own, other) > 0
        ),
        key=lambda pair: (pair[2][:2] != pair[3][:2], pair[1], *pair),
    )
    for _, _, own, other in pairs:
        if own in missed and other in made_up:
            missed.remove(own)
            made_up.remove(other)
            edges = "" if own[:2] == other[:2] else f", {OTHER_EDGES}"
            yield own.type, f"{other.type}{edges}", own
    yield from ((span.type, NOTHING, span) for span in sorted(missed))
    yield from ((NOTHING, span.type, span) for span in sorted(made_up))


def _overlap(left: Span, right: Span) -> int:
    return min(left.end, right.end) - max(left.start, right.start)


def _table(name: str, total: int, wrong: Sequence[Taken], most: int, contexts: int) -> Table:
    times = Counter((one.gold, one.said) for one in wrong)
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in wrong:
        if len(places[one.gold, one.said]) < contexts:
            places[one.gold, one.said].append(one.context)
    ordered = sorted(times.items(), key=lambda item: (-item[1], item[0]))[:most]
    rows = [Confusion(gold, said, count, tuple(places[gold, said])) for (gold, said), count in ordered]
    return Table(name, total, len(wrong), tuple(rows))


def _features(feats: str) -> dict[str, str]:
    named = dict(feature.split("=", 1) for feature in feats.split("|") if "=" in feature)
    return {name: value for name, value in named.items() if name in treebank.scorer().UNIVERSAL_FEATURES}


def _feature(name: str, feats: dict[str, str]) -> str:
    return f"{name}={feats[name]}" if name in feats else f"no {name}"


def _head(words: Sequence[Word], head: int | None) -> str:
    return "the root" if head is None else words[head].upos


def _other(gold: str, said: str) -> str:
    return f"another {said}" if gold == said else said


def _context(words: Sequence[Word], at: int) -> str:
    forms = [word.form for word in words]
    before, after = forms[max(at - _AROUND, 0) : at], forms[at + 1 : at + 1 + _AROUND]
    return " ".join([*before, f"[{forms[at]}]", *after])


def _around(text: str, span: Span) -> str:
    before, after = text[max(span.start - _AROUND_CHARS, 0) : span.start], text[span.end : span.end + _AROUND_CHARS]
    return " ".join(f"{before}[{text[span.start : span.end]}]{after}".split())
