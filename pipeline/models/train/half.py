"""Store a Stanza model's weights in half precision: half the size, and the same scores (docs/models.md).

    python -m pipeline.models.train.half FILE.pt...

The files are rewritten in place. Stanza copies the weights into single precision when it loads a model; for word
vectors `pipeline/models/neural.py` does.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch


def halve(path: Path) -> None:
    torch.save(_halved(torch.load(path, map_location="cpu", weights_only=True)), path)


def _halved(thing: Any) -> Any:
    """The same structure with every single-precision tensor in half precision; each one owns only its own storage."""
    if isinstance(thing, torch.Tensor):
        return (thing.half() if thing.dtype == torch.float32 else thing).clone()
    if isinstance(thing, dict):
        return type(thing)((key, _halved(value)) for key, value in thing.items())
    if isinstance(thing, list | tuple):
        return type(thing)(_halved(value) for value in thing)
    return thing


if __name__ == "__main__":
    for name in sys.argv[1:]:
        halve(Path(name))
