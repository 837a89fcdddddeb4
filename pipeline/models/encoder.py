"""The text encoder: BERT's layers (Devlin et al., 2019), and nothing of BERT that is not needed to read text.

The weights start as those of multilingual-e5-small (Wang et al., "Multilingual E5 text embeddings", 2024), whose names
in the Hugging Face layout `from_pretrained` translates. The embeddings of word pieces are never trained: so encoders
that learned different tasks share one table of them, which is most of a small encoder's size.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

# Positions the pretrained encoder knows; a longer run of pieces has to be cut by whoever calls.
MOST_PIECES = 512


class Shape(msgspec.Struct, frozen=True):
    """What an encoder is built from; pieces is the size of the vocabulary."""

    layers: int
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


class Encoder(nn.Module):
    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(shape, dropout) for _ in range(shape.layers))

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

    def forward(self, embedded: Tensor, mask: Tensor | None = None) -> Tensor:
        """What the last layer says: `levels` with all layers."""
        return self.levels(embedded, mask, len(self.layers))[-1]

    def levels(self, embedded: Tensor, mask: Tensor | None, every: int) -> list[Tensor]:
        """The states after each `every` layers, of the shape of `embedded`: (texts, pieces, width).

        `mask` is True where there is a piece, shape (texts, pieces); None when no text is padded.
        """
        hides = None
        if mask is not None and not bool(mask.all()):
            # Added, since `masked_fill` with a mask that is broadcast takes several times as long.
            hides = embedded.new_zeros(mask.shape).masked_fill_(~mask, float("-inf"))[:, None, None, :]
        states, levels = embedded, []
        for number, layer in enumerate(self.layers, 1):
            states = layer(states, hides)
            if number % every == 0:
                levels.append(states)
        return levels


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
    own: dict[str, Tensor] = {}
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
