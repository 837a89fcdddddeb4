"""What numbers a model's layers are multiplied in: those that the processor is fastest in.

A processor with matrix units for bfloat16 (AMX) reads some three times as many sentences a second in it as in single
precision. One that has instructions for whole numbers of 8 bits (VNNI, in servers since 2019) reads them in those: the
weights are kept so in the file anyhow (pipeline/models/weights.py), and what is multiplied with them is rounded to 255
steps. Others compute in single precision. What is said of a text differs between the three only where scores are nearly
equal; docs/models.md has the scores in the first two.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from enum import Enum
from typing import Protocol

import torch
from torch import Tensor, nn

from pipeline.models.encoder import Encoder
from pipeline.models.weights import rounded


class Arithmetic(Enum):
    BFLOAT16 = "bfloat16"
    INT8 = "int8"
    SINGLE = "float32"


def fastest() -> Arithmetic:
    """Of this processor.

    Instructions for bfloat16 without matrix units (AVX-512 alone) do not make it fast: a bundle then reads half as much
    a second as in 8 bits.
    """
    if torch.cpu._is_amx_tile_supported():
        return Arithmetic.BFLOAT16
    return Arithmetic.INT8 if torch.cpu._is_vnni_supported() else Arithmetic.SINGLE


class Model(Protocol):
    """What reads texts by an encoder and has heads."""

    encoder: Encoder

    def modules(self) -> Iterator[nn.Module]: ...


def fit(model: Model, arithmetic: Arithmetic | None = None) -> None:
    """Change a trained model in place to compute in `arithmetic`; the fastest one if None.

    In 8 bits that is every linear layer; in bfloat16 the encoder, and heads stay as they are.
    """
    match arithmetic or fastest():
        case Arithmetic.BFLOAT16:
            model.encoder.to(torch.bfloat16)
        case Arithmetic.INT8:
            for module in list(model.modules()):
                for name, linear in list(module.named_children()):
                    if isinstance(linear, nn.Linear):
                        setattr(module, name, Int8Linear(linear))


class Int8Linear(nn.Module):
    """A linear layer with weights of 8 bits, a scale a row; each vector it is given is rounded by its largest entry.

    By its own, since some are ten times as large as others (the start of a text, in the feed-forward nets), and so that
    what is said of a text does not depend on what is read together with it: products of whole numbers are exact.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        whole, scale = rounded(linear.weight.detach())
        with warnings.catch_warnings():
            # That tensors of whole numbers will once be made in another way; the release of PyTorch is pinned.
            warnings.simplefilter("ignore", UserWarning)
            quantised = torch._make_per_channel_quantized_tensor(
                whole, scale[:, 0].double(), torch.zeros(len(scale), dtype=torch.long), 0
            )
        self._packed = torch.ops.quantized.linear_prepack(quantised, None)
        self._bias = linear.bias.detach()
        self._ends = torch.zeros(linear.in_features)
        self._ends[0], self._ends[1] = -1, 1

    def forward(self, given: Tensor) -> Tensor:
        """`given` has the shape (..., inputs), the result (..., outputs), both in single precision."""
        vectors = given.reshape(-1, given.shape[-1])
        # Not `vector_norm`, which takes ten times as long.
        largest = torch.maximum(vectors.amax(-1, keepdim=True), -vectors.amin(-1, keepdim=True)).clamp_(min=1e-12)
        # PyTorch rounds by the smallest and the largest entry of all; a last vector makes sure that they are -1 and 1.
        even = given.new_empty(len(vectors) + 1, vectors.shape[1])
        torch.mul(vectors, largest.reciprocal(), out=even[:-1])
        even[-1] = self._ends
        result: Tensor = torch.ops.quantized.linear_dynamic(even, self._packed)[:-1]
        return torch.addcmul(self._bias, result, largest, out=result).view(*given.shape[:-1], len(self._bias))


class Int8Embedding(nn.Module):
    """A table of 8 bits an entry and a scale a row, a quarter of one in single precision; whatever the processor."""

    _whole: Tensor
    _scale: Tensor

    def __init__(self, table: nn.Embedding) -> None:
        super().__init__()
        whole, scale = rounded(table.weight.detach())
        self.register_buffer("_whole", whole)
        self.register_buffer("_scale", scale)

    def forward(self, ids: Tensor) -> Tensor:
        result: Tensor = self._whole[ids] * self._scale[ids]
        return result
