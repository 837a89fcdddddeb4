"""The text encoder: BERT's layers (Devlin et al., 2019), and nothing of BERT that is not needed to read text.

The lower layers read pieces of words. By then they have made of the pieces what is to be known of the word, and the
upper layers may read words: fewer states, at less cost. (That upper layers need fewer states than lower ones is what
Dai et al., "Funnel-Transformer", 2020, found.) What is lost by it, and gained, docs/models.md tells.

The weights start as those of multilingual-e5-small (Wang et al., "Multilingual E5 text embeddings", 2024), whose names
in the Hugging Face layout `from_pretrained` translates. The embeddings of word pieces are never trained: so encoders
that learned different tasks share one table of them, which is most of a small encoder's size.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from pipeline.models.pieces import MOST_PIECES, Batch


class Shape(msgspec.Struct, frozen=True):
    """What an encoder is built from; `pieces` is the size of the vocabulary, `by_word` how many layers read words."""

    layers: int
    by_word: int = 0
    width: int = 384
    heads: int = 12
    inner: int = 1536
    pieces: int = 45_078


class Embeddings(nn.Module):
    """Word pieces and their positions to vectors."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.pieces = nn.Embedding(shape.pieces, shape.width)
        self.positions = nn.Embedding(MOST_PIECES, shape.width)
        self.norm = nn.LayerNorm(shape.width, eps=1e-12)

    def forward(self, ids: Tensor) -> Tensor:
        """`ids` has the shape (texts, pieces); the result (texts, pieces, width)."""
        result: Tensor = self.norm(self.pieces(ids) + self.positions.weight[: ids.shape[1]])
        return result


class Layer(nn.Module):
    """Self-attention and a feed-forward net, each added to what it read and normalised (post-norm)."""

    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.heads = shape.heads
        self.dropout = dropout
        self.attend = nn.Linear(shape.width, 3 * shape.width)
        self.attended = nn.Linear(shape.width, shape.width)
        self.attended_norm = nn.LayerNorm(shape.width, eps=1e-12)
        self.widen = nn.Linear(shape.width, shape.inner)
        self.narrow = nn.Linear(shape.inner, shape.width)
        self.norm = nn.LayerNorm(shape.width, eps=1e-12)

    def forward(self, states: Tensor, hides: Tensor | None) -> Tensor:
        """`hides` is added to how much a piece is attended to: minus infinity where there is none, else nothing."""
        texts, pieces, width = states.shape
        asked = self.attend(states).view(texts, pieces, 3, self.heads, width // self.heads)
        query, key, value = asked.permute(2, 0, 3, 1, 4)
        found = self._attention(query, key, value, hides).transpose(1, 2).reshape(texts, pieces, width)
        states = self.attended_norm(states + self._drop(self.attended(found)))
        result: Tensor = self.norm(states + self._drop(self.narrow(functional.gelu(self.widen(states)))))
        return result

    def _drop(self, added: Tensor) -> Tensor:
        """One mask a text for all its pieces (Gal and Ghahramani, 2016), which is also much cheaper to draw."""
        if not self.training or not self.dropout:
            return added
        kept = torch.rand(added.shape[0], 1, added.shape[2], device=added.device) >= self.dropout
        return added * (kept / (1 - self.dropout)).to(added.dtype)

    def _attention(self, query: Tensor, key: Tensor, value: Tensor, hides: Tensor | None) -> Tensor:
        """Written out, since PyTorch's fused attention has two faults on a CPU.

        It keeps compiled code for every shape it has met, without bound: a worker grew by a gigabyte in half an hour.
        And when texts are short, its backward pass takes more than half of all the time.
        """
        scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-1, -2)
        if hides is not None:
            scores += hides
        result: Tensor = scores.softmax(-1) @ value
        return result


class Level(NamedTuple):
    states: Tensor  # (texts, pieces or words, width)
    is_there: Tensor  # (texts, pieces or words), False where a text is padded


class Depths(NamedTuple):
    levels: list[Level]
    words: Tensor  # (texts, words, width), after the last layer


class Encoder(nn.Module):
    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        if shape.by_word > shape.layers:
            raise ValueError(f"of {shape.layers} layers {shape.by_word} cannot read words")
        self.layers = nn.ModuleList(Layer(shape, dropout) for _ in range(shape.layers))
        self._by_piece = shape.layers - shape.by_word
        self.join = nn.Linear(2 * shape.width, shape.width)

    @property
    def dtype(self) -> torch.dtype:
        """What it wants to be given, in whatever it computes."""
        return next(self.parameters()).dtype

    def forward(self, embedded: Tensor, batch: Batch) -> Tensor:
        """The words as the last layer leaves them, (texts, words, width); word 0 is the text's start."""
        return self.depths(embedded, batch, len(self.layers)).words

    def depths(self, embedded: Tensor, batch: Batch, every: int) -> Depths:
        """What there is after each `every` layers; `embedded` has the shape (texts, pieces, width)."""
        states, is_there, levels = embedded, batch.is_piece, []
        hides = _hides(states, is_there)
        for number, layer in enumerate(self.layers):
            if number == self._by_piece:
                states, is_there = self._words(states, batch), batch.is_word
                hides = _hides(states, is_there)
            states = layer(states, hides)
            if (number + 1) % every == 0:
                levels.append(Level(states, is_there))
        return Depths(levels, states if self._by_piece < len(self.layers) else self._words(states, batch))

    def _words(self, states: Tensor, batch: Batch) -> Tensor:
        """A word is the mean of its pieces, and what is learned of the first and the last: an ending is not a stem."""
        rows = torch.arange(len(states), device=states.device)[:, None]
        ends = torch.cat([states[rows, batch.first], states[rows, batch.last]], dim=-1)
        at = torch.arange(states.shape[1], device=states.device)
        is_own = (batch.first[..., None] <= at) & (at <= batch.last[..., None])
        share = is_own.to(states.dtype) / (batch.last - batch.first + 1)[..., None].to(states.dtype)
        result: Tensor = share @ states + self.join(ends)
        return result


def _hides(states: Tensor, is_there: Tensor) -> Tensor | None:
    """What is added to how much a state is attended to; None when no text is padded."""
    if bool(is_there.all()):
        return None
    # Added, since `masked_fill` with a mask that is broadcast takes several times as long.
    return states.new_zeros(is_there.shape).masked_fill_(~is_there, float("-inf"))[:, None, None, :]


def from_pretrained(folder: Path, layers: int) -> tuple[Embeddings, dict[str, Tensor]]:
    """The embeddings, and the weights of the first `layers` layers by the names of `Encoder`, in single precision.

    `folder` holds a BERT in the Hugging Face layout (`model.safetensors`). Raises ValueError when it has fewer layers.
    """
    there = {
        name.removeprefix("bert."): tensor.float() for name, tensor in load_file(folder / "model.safetensors").items()
    }
    table = there["embeddings.word_embeddings.weight"]
    embeddings = Embeddings(Shape(layers, width=table.shape[1], pieces=len(table)))
    embeddings.pieces.weight.data = table
    # Every text is of BERT's first segment.
    positions = there["embeddings.position_embeddings.weight"] + there["embeddings.token_type_embeddings.weight"][0]
    embeddings.positions.weight.data = positions[:MOST_PIECES]
    for part in ("weight", "bias"):
        getattr(embeddings.norm, part).data = there[f"embeddings.LayerNorm.{part}"]
    width = table.shape[1]
    own = {"join.weight": torch.zeros(width, 2 * width), "join.bias": torch.zeros(width)}  # BERT has none
    for number in range(layers):
        theirs = f"encoder.layer.{number}."
        if f"{theirs}output.dense.weight" not in there:
            raise ValueError(f"{folder}: the encoder has {number} layers, {layers} are asked for")
        for part in ("weight", "bias"):
            mine = f"layers.{number}."
            asked = [there[f"{theirs}attention.self.{name}.{part}"] for name in ("query", "key", "value")]
            own[f"{mine}attend.{part}"] = torch.cat(asked)
            own[f"{mine}attended.{part}"] = there[f"{theirs}attention.output.dense.{part}"]
            own[f"{mine}attended_norm.{part}"] = there[f"{theirs}attention.output.LayerNorm.{part}"]
            own[f"{mine}widen.{part}"] = there[f"{theirs}intermediate.dense.{part}"]
            own[f"{mine}narrow.{part}"] = there[f"{theirs}output.dense.{part}"]
            own[f"{mine}norm.{part}"] = there[f"{theirs}output.LayerNorm.{part}"]
    return embeddings.requires_grad_(False), own
