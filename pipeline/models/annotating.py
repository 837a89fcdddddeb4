"""Tags, lemmas and trees for sentences that are cut into words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.models import arithmetic, reading, scripts, weights
from pipeline.models.bundle import Bundle
from pipeline.models.compounds import whole
from pipeline.models.cutting import Cut, Token
from pipeline.models.dictionary import STEMS, Dictionary, plain
from pipeline.models.encoder import Embeddings, Shape
from pipeline.models.faster import best_tree
from pipeline.models.lexicon import PREFERENCE, Lexicon
from pipeline.models.pieces import Pieces
from pipeline.models.syntax import Inventory, Syntax

FILE = "syntax.safetensors"
LEXICON = "lexicon.tsv.gz"
# Scripts whose lemmas are compared. If none can be applied to a form, the lemma is the form in small letters.
_SCRIPTS_TRIED = 12
# Tags of which one is looked for that the dictionary allows. By how much, in natural logarithms of probability, a tag
# that it contradicts has to be likelier for each contradiction, and a lemma that it gives is preferred. Chosen on UD
# ParlaMint dev, where 5 to 8 and 4 to 12 do as well.
_TAGS_TRIED = 10
_CONTRADICTION, _KNOWN_LEMMA = 5.0, 6.0


class About(msgspec.Struct, frozen=True):
    shape: Shape
    inventory: Inventory
    keep_whole: frozenset[str] = frozenset()  # the conventions that do (pipeline/models/compounds.py)


class Annotated(NamedTuple):
    """Of a sentence, one entry a word."""

    tags: list[str]  # "UPOS|Feature=Value|..."
    lemmas: list[str]
    heads: list[int]
    relations: list[str]


class Annotator:
    def __init__(self, bundle: Bundle, embeddings: Embeddings, pieces: Pieces) -> None:
        stored, about = weights.load(bundle.path(FILE), About)
        self._inventory = about.inventory
        self._embeddings = embeddings
        self._pieces = pieces
        with torch.device("meta"):  # nothing is drawn at random that is to be replaced
            self._model = Syntax(about.shape, about.inventory)
        self._model.load_state_dict(stored, assign=True)
        self._model.parts = about.inventory.parts()  # follows from the inventory, so it is not stored
        self._model.eval()
        self._model.fold()
        arithmetic.fit(self._model)
        self._lexicon = Lexicon.load(bundle.path(LEXICON))
        self._dictionary = Dictionary(bundle.folder) if STEMS in bundle.manifest.stages["parse"] else None
        self._keeps_whole = [name in about.keep_whole for name in about.inventory.conventions]

    @torch.inference_mode()
    def annotate(self, cut: Sequence[Cut]) -> list[AnnotatedDocument]:
        """Every document is told by the convention that its text fits best, which may put some tokens together."""
        tokens = [document.sentences for document in cut]
        sentences = [own for document in tokens for own in document]
        owner = torch.tensor([at for at, document in enumerate(tokens) for _ in document], dtype=torch.long)
        read = self._read(sentences)
        scores = torch.stack([each.convention for each in read]) if read else torch.zeros(0, len(self._keeps_whole))
        convention = torch.zeros(len(cut), scores.shape[1]).index_add_(0, owner, scores).argmax(-1)[owner].tolist()
        changed = {
            at: joined
            for at, own in enumerate(sentences)
            if self._keeps_whole[convention[at]] and len(joined := whole(own)) < len(own)
        }
        for (at, joined), again in zip(changed.items(), self._read(list(changed.values())), strict=True):
            sentences[at], read[at] = joined, again
        said = iter(zip(sentences, self._annotate(sentences, read, convention), strict=True))
        return [AnnotatedDocument([_annotated(*next(said)) for _ in own]) for own in tokens]

    def _read(self, sentences: Sequence[Sequence[Token]]) -> list[_Read]:
        """Of each sentence the states of its words, and how well each convention fits."""
        forms = [[token.text for token in own] for own in sentences]
        parts: list[list[tuple[int, Tensor, Tensor]]] = [[] for _ in sentences]
        for chosen in reading.batches(forms, self._pieces):
            batch = self._pieces.batch([forms[part.sentence][part.first : part.end] for part in chosen])
            words = self._model.read(self._embeddings, batch)
            told = self._model.convention(words, batch.is_word).log_softmax(-1)
            for row, part in enumerate(chosen):
                states = words[row, : part.end - part.first + 1]
                parts[part.sentence].append((part.first, states, told[row]))
        result = []
        for own in parts:
            own.sort(key=lambda part: part[0])
            # A sentence in parts has the first part's start as its root.
            states = torch.cat([own[0][1], *(states[1:] for _, states, _ in own[1:])])
            result.append(_Read(states, torch.stack([told for _, _, told in own]).sum(0)))
        return result

    def _annotate(
        self, sentences: Sequence[Sequence[Token]], read: Sequence[_Read], convention: Sequence[int]
    ) -> list[Annotated]:
        """In batches of sentences of similar length."""
        result: dict[int, Annotated] = {}
        order = sorted(range(len(sentences)), key=lambda at: len(sentences[at]))
        for chosen in reading.runs(order, lambda at: len(sentences[at])):
            words = nn.utils.rnn.pad_sequence([read[at].states for at in chosen], batch_first=True)
            lengths = torch.tensor([len(sentences[at]) for at in chosen])
            is_word = torch.arange(words.shape[1])[None] <= lengths[:, None]
            under = self._model.under(words, torch.tensor([convention[at] for at in chosen]))
            forms = [[token.text for token in sentences[at]] for at in chosen]
            result |= zip(chosen, self._say(forms, under, is_word), strict=True)
        return [result[at] for at in range(len(sentences))]

    def _say(self, sentences: Sequence[Sequence[str]], words: Tensor, is_word: Tensor) -> list[Annotated]:
        scores = self._model.heads(words, is_word).numpy()
        heads = [_tree(scores[row, : len(own) + 1, : len(own) + 1]).tolist()[1:] for row, own in enumerate(sentences)]
        # From here on it is words, whichever sentence they are of.
        forms = [form for own in sentences for form in own]
        is_real = is_word.clone()
        is_real[:, 0] = False
        real = words[is_real]
        tags = self._tags(forms, real)
        lemmas = self._lemmas(forms, tags, real)
        owner = torch.tensor([row for row, own in enumerate(sentences) for _ in own], dtype=torch.long)
        head = torch.tensor([head for own in heads for head in own], dtype=torch.long)
        relations = self._model.relations(real, words[owner, head]).argmax(-1).tolist()
        said = zip(tags, lemmas, relations, strict=True)
        result = []
        for own in heads:
            told, lemma, index = zip(*islice(said, len(own)), strict=True)
            named = [_relation(self._inventory.relations[each], to) for each, to in zip(index, own, strict=True)]
            result.append(Annotated(list(told), list(lemma), own, named))
        return result

    def _tags(self, forms: Sequence[str], words: Tensor) -> list[str]:
        """A tag for every word: the likeliest, unless the dictionary knows better."""
        scores = self._model.tags(words)
        tags = [self._inventory.tags[index] for index in scores.argmax(-1).tolist()]
        if self._dictionary is None:
            return tags
        judge = self._dictionary.judge
        doubted = [
            at for at, (form, tag) in enumerate(zip(forms, tags, strict=True)) if judge(form, tag).contradictions
        ]
        likeliest = scores[doubted].topk(min(_TAGS_TRIED, len(self._inventory.tags)))
        for at, chances, indices in zip(doubted, *(each.tolist() for each in likeliest), strict=True):
            tried = [self._inventory.tags[index] for index in indices]
            costs = [_CONTRADICTION * judge(forms[at], tag).contradictions for tag in tried]
            tags[at] = max(zip(chances, costs, tried, strict=True), key=lambda each: each[0] - each[1])[2]
        return tags

    def _lemmas(self, forms: Sequence[str], tags: Sequence[str], words: Tensor) -> list[str]:
        """As the lexicon knows them, else by the scripts."""
        lemmas = [self._lexicon.lemma(form, tag.partition("|")[0]) or "" for form, tag in zip(forms, tags, strict=True)]
        unknown = [at for at, lemma in enumerate(lemmas) if not lemma]
        likeliest = self._model.scripts(words[unknown]).topk(min(_SCRIPTS_TRIED, len(self._inventory.scripts)))
        for at, chances, indices in zip(unknown, *(each.tolist() for each in likeliest), strict=True):
            lemmas[at] = self._lemma(forms[at], tags[at], indices, chances)
        return lemmas

    def _lemma(self, form: str, tag: str, tried: Sequence[int], chances: Sequence[float]) -> str:
        in_dictionary = self._dictionary.lemmas(form, tag) if self._dictionary else frozenset()
        best, most = form.lower(), -math.inf
        for index, chance in zip(tried, chances, strict=True):
            if chance + PREFERENCE + _KNOWN_LEMMA <= most:
                break  # those that follow are less likely still
            if lemma := scripts.apply(self._inventory.scripts[index], form):
                is_known = plain(lemma) in in_dictionary
                score = chance + PREFERENCE * self._lexicon.occurs(lemma) + _KNOWN_LEMMA * is_known
                if score > most:
                    best, most = lemma, score
        return best


def _tree(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """What cannot be (a word as its own head) gets a low score instead of none: the search adds and subtracts them."""
    return best_tree(np.maximum(scores, -1e4))


def _relation(relation: str, head: int) -> str:
    """A tree's root is called so, and nothing else is."""
    if head == 0:
        return "root"
    return "dep" if relation == "root" else relation


class AnnotatedWord(NamedTuple):
    """With the names that Stanza's words have, and so below: objects of Stanza's take twice as long to make."""

    text: str
    lemma: str
    upos: str
    feats: str
    head: int
    deprel: str
    xpos: str = ""


class AnnotatedToken(NamedTuple):
    text: str
    start_char: int
    end_char: int
    words: tuple[AnnotatedWord]


class AnnotatedSentence(NamedTuple):
    tokens: list[AnnotatedToken]


class AnnotatedDocument(NamedTuple):
    sentences: list[AnnotatedSentence]


class _Read(NamedTuple):
    states: Tensor  # (words + 1, width), the root first
    convention: Tensor  # (conventions,)


def _annotated(tokens: Sequence[Token], said: Annotated) -> AnnotatedSentence:
    result = []
    for token, tag, lemma, head, relation in zip(tokens, *said, strict=True):
        upos, _, feats = tag.partition("|")
        word = AnnotatedWord(token.text, lemma, upos, feats, head, relation)
        result.append(AnnotatedToken(token.text, token.start, token.end, (word,)))
    return AnnotatedSentence(result)
