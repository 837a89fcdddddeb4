"""Tags, lemmas and trees for sentences that are cut into words, as a processor of a Stanza pipeline."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.models import arithmetic, cutting, reading, scripts, weights
from pipeline.models.bundle import Bundle
from pipeline.models.cutting import Token
from pipeline.models.dictionary import STEMS, Dictionary, plain
from pipeline.models.encoder import Embeddings, Shape
from pipeline.models.faster import best_tree
from pipeline.models.lexicon import PREFERENCE, Lexicon
from pipeline.models.pieces import Pieces
from pipeline.models.syntax import Inventory, Syntax

FILE = "syntax.safetensors"
LEXICON = "lexicon.tsv"
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
    keep_whole: frozenset[str] = frozenset()  # the conventions that do (pipeline/models/cutting.py)


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
        arithmetic.fit(self._model.encoder)
        self._lexicon = Lexicon.load(bundle.path(LEXICON))
        self._dictionary = Dictionary(bundle.folder) if STEMS in bundle.manifest.stages["parse"] else None
        self._keeps_whole = [name in about.keep_whole for name in about.inventory.conventions]

    @torch.inference_mode()
    def bulk_process(self, documents: Sequence[Any]) -> list[AnnotatedDocument]:
        """As Stanza's processors do: documents cut into tokens, and back with what is said of their words.

        Every document is told by the convention that its text fits best, which may put some of its tokens together.
        """
        tokens = [[_tokens(sentence) for sentence in document.sentences] for document in documents]
        sentences = [own for document in tokens for own in document]
        owner = torch.tensor([at for at, document in enumerate(tokens) for _ in document], dtype=torch.long)
        read = self._read(sentences)
        scores = torch.stack([each.convention for each in read]) if read else torch.zeros(0, len(self._keeps_whole))
        convention = (
            torch.zeros(len(documents), scores.shape[1]).index_add_(0, owner, scores).argmax(-1)[owner].tolist()
        )
        changed = {
            at: joined
            for at, own in enumerate(sentences)
            if self._keeps_whole[convention[at]] and len(joined := cutting.whole(own)) < len(own)
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
            told = self._model.convention(words, batch.is_word).log_softmax(-1) * batch.is_word.sum(1, keepdim=True)
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
        model, inventory = self._model, self._inventory
        tags = self._tags(sentences, model.tags(words).log_softmax(-1))
        edits = model.scripts(words).log_softmax(-1).topk(min(_SCRIPTS_TRIED, len(inventory.scripts)))
        tried, chances = edits.indices.tolist(), edits.values.tolist()
        heads = torch.zeros_like(is_word, dtype=torch.long)
        scores = model.heads(words, is_word).log_softmax(-1).numpy()
        for row, sentence in enumerate(sentences):
            size = len(sentence) + 1
            heads[row, :size] = torch.from_numpy(_tree(scores[row, :size, :size]))
        relations = model.relations(words, heads).argmax(-1).tolist()
        found = heads.tolist()
        return [
            Annotated(
                tags=tags[row],
                lemmas=[
                    self._lemma(form, tags[row][at - 1], tried[row][at], chances[row][at])
                    for at, form in enumerate(sentence, 1)
                ],
                heads=found[row][1 : len(sentence) + 1],
                relations=[
                    _relation(inventory.relations[index], head)
                    for index, head in zip(relations[row][1 : len(sentence) + 1], found[row][1:], strict=False)
                ],
            )
            for row, sentence in enumerate(sentences)
        ]

    def _tags(self, sentences: Sequence[Sequence[str]], scores: Tensor) -> list[list[str]]:
        """A tag for every word: the likeliest, unless the dictionary knows better."""
        likeliest = scores.topk(min(_TAGS_TRIED, len(self._inventory.tags)))
        tried, chances = likeliest.indices.tolist(), likeliest.values.tolist()
        return [
            [self._tag(form, tried[row][at], chances[row][at]) for at, form in enumerate(sentence, 1)]
            for row, sentence in enumerate(sentences)
        ]

    def _tag(self, form: str, tried: Sequence[int], chances: Sequence[float]) -> str:
        tags = self._inventory.tags
        if self._dictionary is None or not self._dictionary.judge(form, tags[tried[0]]).contradictions:
            return tags[tried[0]]
        judge = self._dictionary.judge
        scored = (
            (chance - _CONTRADICTION * judge(form, tags[index]).contradictions, tags[index])
            for index, chance in zip(tried, chances, strict=True)
        )
        return max(scored, key=lambda pair: pair[0])[1]

    def _lemma(self, form: str, tag: str, tried: Sequence[int], chances: Sequence[float]) -> str:
        if known := self._lexicon.lemma(form, tag.partition("|")[0]):
            return known
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


def _tokens(sentence: Any) -> list[Token]:
    return [Token(token.text, token.start_char, token.end_char) for token in sentence.tokens]


def _annotated(tokens: Sequence[Token], said: Annotated) -> AnnotatedSentence:
    result = []
    for token, tag, lemma, head, relation in zip(tokens, *said, strict=True):
        upos, _, feats = tag.partition("|")
        word = AnnotatedWord(token.text, lemma, upos, feats, head, relation)
        result.append(AnnotatedToken(token.text, token.start, token.end, (word,)))
    return AnnotatedSentence(result)
