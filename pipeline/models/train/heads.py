"""A head learned on an encoder that does not change.

Every text then is a vector that is computed once, and a head can go through all of them many times in seconds.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

EPOCHS = 40  # by cross-validation over the documents that are learned from
_TEXTS = 64
_RATE, _DECAY, _DROPOUT = 1e-3, 0.05, 0.3


def finish(
    hidden: nn.Linear, out: nn.Linear, vectors: Tensor, loss: Callable[[Tensor, Tensor], Tensor], epochs: int, seed: int
) -> None:
    """Learn `hidden` and `out` anew from `vectors` (texts, width), in place.

    `loss` is given the head's scores for some texts and their indices. Vectors are brought to zero mean and unit
    deviation while learning; the first layer then does that itself.
    """
    torch.manual_seed(seed)
    mean, deviation = vectors.mean(0), vectors.std(0).clamp(min=1e-6)
    inputs = (vectors - mean) / deviation
    for layer in (hidden, out):
        layer.reset_parameters()
    parameters = [*hidden.parameters(), *out.parameters()]
    optimizer = torch.optim.AdamW(parameters, _RATE, weight_decay=_DECAY)
    steps = epochs * -(-len(inputs) // _TEXTS)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    for _ in range(epochs):
        order = torch.randperm(len(inputs))
        for first in range(0, len(inputs), _TEXTS):
            chosen = order[first : first + _TEXTS]
            states = functional.gelu(hidden(functional.dropout(inputs[chosen], _DROPOUT)))
            torch.autograd.backward(loss(out(functional.dropout(states, _DROPOUT)), chosen))
            optimizer.step()
            optimizer.zero_grad()
            schedule.step()
    with torch.no_grad():
        hidden.bias.sub_(hidden.weight @ (mean / deviation))
        hidden.weight.div_(deviation)
