"""Training tags, lemmas and trees from treebanks."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.models import scripts
from pipeline.models.encoder import Embeddings
from pipeline.models.faster import best_tree
from pipeline.models.pieces import Batch, Pieces
from pipeline.models.syntax import Inventory, Syntax
from pipeline.models.train.loop import batches_by_size, on_device
from pipeline.models.train.treebank import Tree, read_documents, read_trees

# Speech recognisers write no capitals, and headlines nothing else.
_SMALL, _CAPITALS = 0.04, 0.01
_MOST_WORDS = 160  # of a sentence that is learned from; a tree of more is nearly always several
_NOTHING = -100


class Settings(msgspec.Struct, frozen=True):
    layers: int = 8
    by_word: int = 4  # how many of the layers read words
    dropout: float = 0.1
    pieces_a_batch: int = 1_100
    relation_weight: float = 1.0


class Example(NamedTuple):
    tree: Tree
    convention: int


class Prepared(NamedTuple):
    """A batch as tensors, (texts, words) where nothing else is said; word 0 is the root and teaches nothing."""

    batch: Batch
    conventions: Tensor  # (texts,)
    told: Tensor  # (texts,): the same, where a convention is to be told from the text
    tags: Tensor
    scripts: Tensor
    heads: Tensor
    relations: Tensor


def inventory_of(treebanks: Mapping[str, Sequence[Tree]]) -> Inventory:
    trees = [tree for own in treebanks.values() for tree in own]
    used = Counter(
        scripts.script_of(form, lemma) for tree in trees for form, lemma in zip(tree.forms, tree.lemmas, strict=True)
    )
    return Inventory(
        tags=tuple(sorted({tag for tree in trees for tag in tree.tags})),
        # A script that served one word is more often an error of the treebank than a rule.
        scripts=tuple(sorted(script for script, count in used.items() if count > 1)),
        relations=tuple(sorted({relation for tree in trees for relation in tree.relations})),
        conventions=tuple(treebanks),
    )


class SyntaxTask:
    """`treebanks`: convention -> trees to learn from; `chosen_by`: the same -> documents the scores are told of."""

    def __init__(
        self,
        model: Syntax,
        inventory: Inventory,
        embeddings: Embeddings,
        pieces: Pieces,
        treebanks: Mapping[str, Sequence[Tree]],
        chosen_by: Mapping[str, Sequence[Sequence[Tree]]],
        settings: Settings,
        device: str = "cpu",
    ) -> None:
        self.model = model
        self._device = device
        self._inventory = inventory
        self._embeddings = embeddings
        self._pieces = pieces
        self._settings = settings
        self._examples = [
            Example(tree, at)
            for at, trees in enumerate(treebanks.values())
            for tree in trees
            if len(tree.forms) <= _MOST_WORDS and pieces.count(tree.forms) <= 500
        ]
        self._sizes = [pieces.count(example.tree.forms) for example in self._examples]
        self._chosen_by = chosen_by
        self._tags = {tag: at for at, tag in enumerate(inventory.tags)}
        self._scripts = {script: at for at, script in enumerate(inventory.scripts)}
        self._relations = {relation: at for at, relation in enumerate(inventory.relations)}

    def epoch(self, chance: random.Random) -> list[Prepared]:
        return [
            self._prepare([self._examples[index] for index in chosen], chance)
            for chosen in batches_by_size(self._sizes, self._settings.pieces_a_batch, chance)
        ]

    def loss(self, batch: Prepared) -> Tensor:
        model, settings = self.model, self._settings
        batch = on_device(batch, self._device)
        words = model.read(self._embeddings, batch.batch).float()
        told = _known(model.convention(words, batch.batch.is_word), batch.told)
        words = model.under(words, batch.conventions)
        is_real = batch.batch.is_word.clone()
        is_real[:, 0] = False
        real = words[is_real]
        tags = _known(model.tags(real), batch.tags[is_real])
        edits = _known(model.scripts(real), batch.scripts[is_real])
        arcs = functional.cross_entropy(model.heads(words, batch.batch.is_word)[is_real], batch.heads[is_real])
        heads = words.gather(1, batch.heads[..., None].expand_as(words))[is_real]
        relations = _known(model.relations(real, heads), batch.relations[is_real])
        return tags + edits + arcs + settings.relation_weight * relations + 0.1 * told

    def score(self) -> dict[str, float]:
        """On given words, with the convention the model tells: shares of words, from 0 to 1."""
        result: dict[str, float] = {}
        for name, documents in self._chosen_by.items():
            right = Counter[str]()
            for document in documents:
                self._count(document, right)
            result |= {
                f"{name}.{what}": right[what] / right["words"] for what in ("upos", "feats", "lemma", "uas", "las")
            }
            result[f"{name}.conv"] = right[f"as {name}"] / len(documents)
        return result

    def _count(self, document: Sequence[Tree], right: Counter[str]) -> None:
        batch = on_device(self._pieces.batch([tree.forms for tree in document]), self._device)
        model, inventory = self.model, self._inventory
        words = model.read(self._embeddings, batch)
        told = model.convention(words, batch.is_word).float().log_softmax(-1)
        convention = told.sum(0).argmax()
        right[f"as {inventory.conventions[int(convention)]}"] += 1
        words = model.under(words, convention.expand(len(document)))
        tags, edits = model.tags(words).argmax(-1), model.scripts(words).argmax(-1)
        scores = model.heads(words, batch.is_word).float()
        found = torch.zeros_like(batch.first)
        for row, tree in enumerate(document):
            size = len(tree.forms) + 1
            found[row, :size] = torch.from_numpy(
                best_tree(scores[row, :size, :size].log_softmax(-1).clamp(min=-1e4).cpu().numpy())
            )
        heads = words.gather(1, found[..., None].expand_as(words))
        relations = model.relations(words.flatten(0, 1), heads.flatten(0, 1)).argmax(-1).view(found.shape)
        for row, tree in enumerate(document):
            for at, form in enumerate(tree.forms):
                tag = inventory.tags[int(tags[row, at + 1])]
                right["words"] += 1
                right["upos"] += tag.split("|")[0] == tree.tags[at].split("|")[0]
                right["feats"] += tag.split("|")[1:] == tree.tags[at].split("|")[1:]
                right["lemma"] += scripts.apply(inventory.scripts[int(edits[row, at + 1])], form) == tree.lemmas[at]
                is_head = int(found[row, at + 1]) == tree.heads[at]
                right["uas"] += is_head
                said = inventory.relations[int(relations[row, at + 1])].split(":")[0]
                right["las"] += is_head and said == tree.relations[at].split(":")[0]

    def _script(self, form: str, lemma: str) -> int:
        return self._scripts.get(scripts.script_of(form, lemma), _NOTHING)

    def _prepare(self, examples: Sequence[Example], chance: random.Random) -> Prepared:
        trees = [example.tree for example in examples]
        batch = self._pieces.batch([_as_heard(tree.forms, chance) for tree in trees])
        shape = batch.is_word.shape

        def filled(rows: list[list[int]]) -> Tensor:
            result = torch.zeros(shape, dtype=torch.long)
            for at, row in enumerate(rows):
                result[at, 1 : len(row) + 1] = torch.tensor(row)
            return result

        return Prepared(
            batch,
            torch.tensor([example.convention for example in examples]),
            # Trees of the project's follow a convention on texts of any kind.
            torch.tensor([example.convention if example.tree.tags else _NOTHING for example in examples]),
            filled([_or_nothing([self._tags[tag] for tag in tree.tags], tree) for tree in trees]),
            filled(
                [
                    _or_nothing([self._script(*word) for word in zip(tree.forms, tree.lemmas, strict=False)], tree)
                    for tree in trees
                ]
            ),
            filled([list(tree.heads) for tree in trees]),
            filled([[self._relations.get(relation, _NOTHING) for relation in tree.relations] for tree in trees]),
        )


def _known(scores: Tensor, true: Tensor) -> Tensor:
    """The mean loss over those of which somebody said what is true; 0 where there are none."""
    total = functional.cross_entropy(scores, true, ignore_index=_NOTHING, reduction="sum")
    return total / (true != _NOTHING).sum().clamp(min=1)


def _or_nothing(said: list[int], tree: Tree) -> list[int]:
    """What is said of each word, if anybody said it."""
    return said or [_NOTHING] * len(tree.forms)


def _as_heard(forms: Sequence[str], chance: random.Random) -> list[str]:
    drawn = chance.random()
    if drawn < _SMALL:
        return [form.lower() for form in forms]
    if drawn < _SMALL + _CAPITALS:
        return [form.upper() for form in forms]
    return list(forms)


def treebanks_of(paths: dict[str, list[Path]]) -> dict[str, list[Tree]]:
    return {name: [tree for path in own for tree in read_trees(path)] for name, own in paths.items()}


def documents_of(paths: dict[str, list[Path]]) -> dict[str, list[list[Tree]]]:
    return {name: [doc for path in own for doc in read_documents(path)] for name, own in paths.items()}
