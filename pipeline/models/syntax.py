"""Tags, lemmas and trees of Universal Dependencies by one pass of the encoder and a head for each.

A word's tag is its UPOS and features together, chosen from the inventory of those seen in training; a tag's score is
its own and the sum of its parts', so that a rare tag is known by its features. Lemmas are edit scripts
(`pipeline/models/scripts.py`). Trees are scored by biaffine attention (Dozat and Manning, "Deep biaffine attention for
neural dependency parsing", 2017).

Treebanks of one language follow different conventions (is an adjective's positive degree said?), and a model trained on
several would mix them word by word. So every word is read together with its document's convention, which a head of its
own tells from the text: within a document there is one.
"""

from __future__ import annotations

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.models.encoder import Embeddings, Encoder, Shape
from pipeline.models.pieces import Batch


class Inventory(msgspec.Struct, frozen=True):
    """What the heads choose from."""

    tags: tuple[str, ...]  # "UPOS|Feature=Value|...", features in the treebank's order
    scripts: tuple[str, ...]
    relations: tuple[str, ...]
    conventions: tuple[str, ...]  # names of treebanks

    def parts(self) -> Tensor:
        """Which parts (the UPOS, each feature's value) a tag has: shape (tags, parts), 0 or 1."""
        names = sorted({part for tag in self.tags for part in tag.split("|")})
        return torch.tensor([[float(part in tag.split("|")) for part in names] for tag in self.tags])


class Biaffine(nn.Module):
    """Scores of all pairs of words: `u W v + U u + V v + b`, `outputs` of them a pair."""

    def __init__(self, size: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, size + 1, size + 1))

    def forward(self, dependent: Tensor, head: Tensor) -> Tensor:
        """(texts, words, size) twice to (texts, outputs, words, words)."""
        left = _with_one(dependent)[:, None] @ self.weight
        return left @ _with_one(head)[:, None].transpose(-1, -2)

    def of_pairs(self, dependent: Tensor, head: Tensor) -> Tensor:
        """Pairs side by side: (pairs, size) twice to (pairs, outputs)."""
        outputs, size, _ = self.weight.shape
        left = _with_one(dependent) @ self.weight.permute(1, 0, 2).reshape(size, outputs * size)
        return (left.view(-1, outputs, size) @ _with_one(head)[..., None]).squeeze(-1)


class Syntax(nn.Module):
    """`embeddings` are given, not learned: encoders of several tasks share them."""

    HIDDEN = 256
    RELATION = 128
    parts: Tensor

    def __init__(self, shape: Shape, inventory: Inventory, dropout: float = 0.0) -> None:
        super().__init__()
        width, hidden = shape.width, self.HIDDEN
        self.encoder = Encoder(shape, dropout)
        self.join = nn.Linear(2 * width, width)
        self.convention_of = nn.Linear(width, len(inventory.conventions))
        self.conventions = nn.Embedding(len(inventory.conventions), width)
        self.tag_hidden = nn.Linear(width, hidden)
        self.tag_own = nn.Linear(hidden, len(inventory.tags))
        parts = inventory.parts()
        self.register_buffer("parts", parts, persistent=False)
        self.tag_parts = nn.Linear(hidden, parts.shape[1])
        self.script_hidden = nn.Linear(width, hidden)
        self.script = nn.Linear(hidden, len(inventory.scripts))
        self.arc_dependent = nn.Linear(width, hidden)
        self.arc_head = nn.Linear(width, hidden)
        self.arc = Biaffine(hidden, 1)
        self.relation_dependent = nn.Linear(width, self.RELATION)
        self.relation_head = nn.Linear(width, self.RELATION)
        self.relation = Biaffine(self.RELATION, len(inventory.relations))
        self.drop = nn.Dropout(dropout * 2)

    def read(self, embeddings: Embeddings, batch: Batch) -> Tensor:
        """The words in their sentence: (texts, words, width)."""
        embedded = embeddings(batch.ids).to(self.encoder.dtype)
        states = self.encoder(embedded, batch.is_piece).to(self.join.weight.dtype)
        rows = torch.arange(len(batch.ids), device=batch.ids.device)[:, None]
        words = torch.cat([states[rows, batch.first], states[rows, batch.last]], dim=-1)
        joined: Tensor = functional.gelu(self.join(self.drop(words)))
        return joined

    def convention(self, words: Tensor, is_word: Tensor) -> Tensor:
        """Unnormalised scores of each text's convention, (texts, conventions)."""
        shown = is_word[..., None].to(words.dtype)
        result: Tensor = self.convention_of((words * shown).sum(1) / shown.sum(1))
        return result

    def under(self, words: Tensor, conventions: Tensor) -> Tensor:
        """The words read by a convention each text; `conventions` has the shape (texts,)."""
        result: Tensor = self.drop(words + self.conventions(conventions)[:, None])
        return result

    def tags(self, words: Tensor) -> Tensor:
        hidden = self.drop(functional.gelu(self.tag_hidden(words)))
        result: Tensor = self.tag_own(hidden) + self.tag_parts(hidden) @ self.parts.T
        return result

    def scripts(self, words: Tensor) -> Tensor:
        result: Tensor = self.script(self.drop(functional.gelu(self.script_hidden(words))))
        return result

    def heads(self, words: Tensor, is_word: Tensor) -> Tensor:
        dependent = self.drop(functional.gelu(self.arc_dependent(words)))
        head = self.drop(functional.gelu(self.arc_head(words)))
        scores = self.arc(dependent, head)[:, 0]
        own = torch.eye(words.shape[1], dtype=torch.bool, device=words.device)
        result: Tensor = scores.masked_fill(~is_word[:, None, :] | own, float("-inf"))
        return result

    def relations(self, words: Tensor, heads: Tensor) -> Tensor:
        """Of every word to its head: `heads` (texts, words) to (texts, words, relations)."""
        dependent = self.drop(functional.gelu(self.relation_dependent(words)))
        head = self.drop(functional.gelu(self.relation_head(words)))
        chosen = head.gather(1, heads[..., None].expand_as(head))
        flat = self.relation.of_pairs(dependent.flatten(0, 1), chosen.flatten(0, 1))
        result: Tensor = flat.view(*heads.shape, -1)
        return result


def _with_one(states: Tensor) -> Tensor:
    return functional.pad(states, (0, 1), value=1.0)
