"""Weights on disk: safetensors, every matrix as whole numbers of 8 bits with a scale a row.

A row's largest weight becomes 127 and the others follow, so an entry is off by at most 1/254 of its row's largest; what
that costs in scores is told in docs/models.md. Vectors, some thousand numbers, stay as they are. What the weights are
for stands in the file's header, as JSON. Nothing in the file is executed when it is read.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pipeline.models.bundle import BundleError

_ABOUT = "about"
_SCALE = ".scale"
_LARGEST = 127

Header = TypeVar("Header", bound=msgspec.Struct)


def save(path: Path, weights: dict[str, Tensor], about: msgspec.Struct) -> None:
    stored: dict[str, Tensor] = {}
    for name, given in weights.items():
        tensor = given.detach().float()
        if tensor.dim() < 2:
            stored[name] = tensor.contiguous()
            continue
        whole, scale = rounded(tensor)
        stored[name], stored[name + _SCALE] = whole.contiguous(), scale.contiguous()
    save_file(stored, path, metadata={_ABOUT: msgspec.json.encode(about).decode()})


def rounded(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Whole numbers of 8 bits of `matrix`'s shape, and what to multiply each row's with, (rows, 1)."""
    scale = (matrix.abs().amax(-1, keepdim=True) / _LARGEST).clamp(min=1e-12)
    return (matrix / scale).round().to(torch.int8), scale


def load(path: Path, header: type[Header]) -> tuple[dict[str, Tensor], Header]:
    """The weights in single precision and what the header says. Raises BundleError when the file is no such file."""
    try:
        with safe_open(path, framework="pt") as file:
            about = msgspec.json.decode(file.metadata()[_ABOUT], type=header)
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, KeyError, TypeError, msgspec.MsgspecError) as error:
        raise BundleError(f"{path} holds no weights of the kind this release reads: {error}") from error
    weights = {
        name: tensor.float() * stored[name + _SCALE] if tensor.dtype == torch.int8 else tensor
        for name, tensor in stored.items()
        if not name.endswith(_SCALE)
    }
    return weights, about
