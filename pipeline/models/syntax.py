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
    """Scores of pairs of words: `u W v + U u + V v + b`, `outputs` of them a pair.

    All of `u W + V`, and `U u + b` as its last entry, is one linear layer: so it is computed in what is fast.
    """

    def __init__(self, size: int, outputs: int) -> None:
        super().__init__()
        self.left = nn.Linear(size, outputs * (size + 1))
        nn.init.zeros_(self.left.weight)
        nn.init.zeros_(self.left.bias)

    def forward(self, dependent: Tensor, head: Tensor) -> Tensor:
        """(texts, words, size) twice to (texts, words, words), a row a dependent; for one output."""
        left = self.left(dependent)
        result: Tensor = left[..., :-1] @ head.transpose(-1, -2) + left[..., -1:]
        return result

    def of_pairs(self, dependent: Tensor, head: Tensor) -> Tensor:
        """Pairs side by side: (pairs, size) twice to (pairs, outputs)."""
        left = self.left(dependent).view(len(dependent), -1, head.shape[1] + 1)
        result: Tensor = (left[..., :-1] @ head[..., None]).squeeze(-1) + left[..., -1]
        return result


class Syntax(nn.Module):
    """`embeddings` are given, not learned: encoders of several tasks share them."""

    HIDDEN = 256
    RELATION = 128
    parts: Tensor

    def __init__(self, shape: Shape, inventory: Inventory, dropout: float = 0.0) -> None:
        super().__init__()
        width, hidden = shape.width, self.HIDDEN
        self.encoder = Encoder(shape, dropout)
        self.word = nn.Linear(width, width)
        self.convention_of = nn.Linear(width, len(inventory.conventions))
        self.conventions = nn.Embedding(len(inventory.conventions), width)
        self.tag_hidden = nn.Linear(width, hidden)
        self.tag_own = nn.Linear(hidden, len(inventory.tags))
        parts = inventory.parts()
        self.register_buffer("parts", parts, persistent=False)
        self.tag_parts: nn.Linear | None = nn.Linear(hidden, parts.shape[1])
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
        states = self.encoder(embeddings(batch.ids).to(self.encoder.dtype), batch).float()
        result: Tensor = functional.gelu(self.word(self.drop(states)))
        return result

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
        result: Tensor = self.tag_own(hidden)
        return result if self.tag_parts is None else result + self.tag_parts(hidden) @ self.parts.T

    @torch.no_grad()
    def fold(self) -> None:
        """Put what is known of a tag by its parts into what is known of it itself; the scores stay the same."""
        assert self.tag_parts is not None
        self.tag_own.weight.add_(self.parts @ self.tag_parts.weight)
        self.tag_own.bias.add_(self.parts @ self.tag_parts.bias)
        self.tag_parts = None

    def scripts(self, words: Tensor) -> Tensor:
        result: Tensor = self.script(self.drop(functional.gelu(self.script_hidden(words))))
        return result

    def heads(self, words: Tensor, is_word: Tensor) -> Tensor:
        dependent = self.drop(functional.gelu(self.arc_dependent(words)))
        head = self.drop(functional.gelu(self.arc_head(words)))
        scores = self.arc(dependent, head)
        own = torch.eye(words.shape[1], dtype=torch.bool, device=words.device)
        result: Tensor = scores.masked_fill(~is_word[:, None, :] | own, float("-inf"))
        return result

    def relations(self, words: Tensor, heads: Tensor) -> Tensor:
        """Of words to their heads: (pairs, width) twice to (pairs, relations)."""
        dependent = self.drop(functional.gelu(self.relation_dependent(words)))
        head = self.drop(functional.gelu(self.relation_head(heads)))
        return self.relation.of_pairs(dependent, head)
