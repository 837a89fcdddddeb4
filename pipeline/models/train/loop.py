"""The training loop: one for all components. Seeded, resumable, telling how far it is.

Where a processor has instructions for it, an encoder trains nearly twice as fast in bfloat16, and several times with
matrix units. Its weights then are a rounded copy of single-precision ones, which is where the optimizer's small steps
add up.
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec
import torch
from torch import Tensor, nn

Tell = Callable[[str], None]

_WARM_UP = 0.06  # of all steps, while the rate rises
_LONGEST_GRADIENT = 1.0
_TELL_EVERY = 20.0  # seconds
_SAVE_EVERY = 120.0


class Rates(msgspec.Struct, frozen=True):
    """The highest learning rates: of the pretrained layers, and of what begins at random."""

    encoder: float = 2e-4
    heads: float = 1e-3
    decay: float = 0.9  # a layer's rate is this share of the rate of the layer above it


class Task(Protocol):
    """What is learned: batches an epoch, and the loss of one."""

    def epoch(self, chance: random.Random) -> Sequence[Any]: ...

    def loss(self, batch: Any) -> Tensor: ...

    def score(self) -> dict[str, float]:
        """On the part that chooses; asked after each epoch that says so."""
        ...


class Run(NamedTuple):
    folder: Path  # of checkpoints and the log
    epochs: int
    seed: int
    rates: Rates
    device: str
    score_every: int  # epochs


def train(model: nn.Module, task: Task, run: Run, settings: object, tell: Tell) -> list[dict[str, float]]:
    """Train `model` in place; the scores after epochs, as a curve.

    Goes on from the run's checkpoint where there is one. One of other settings is not gone on from: ValueError.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(run.seed)
    digest = hashlib.sha256(msgspec.json.encode([run.seed, run.epochs, run.rates, settings])).hexdigest()
    say = _both(run.folder / "log.txt", tell)
    steps = len(task.epoch(random.Random(f"{run.seed}.0")))
    optimizer = Optimizer(model, run.rates, steps * run.epochs)
    progress = _Progress(run.folder / "checkpoint.pt", digest)
    at = progress.restore(model, optimizer)
    begun = time.monotonic() - at.seconds
    if at.done:
        say(f"going on after batch {at.done}")
    told = saved = time.monotonic()
    losses: list[float] = []
    while at.epoch < run.epochs:
        batches = task.epoch(random.Random(f"{run.seed}.{at.epoch}"))
        model.train()
        for batch in batches[at.batch :]:
            with _mixed(run.device):
                loss = task.loss(batch)
            torch.autograd.backward(loss)
            optimizer.step()
            losses.append(loss.item())
            at.batch += 1
            at.done += 1
            at.seconds = (now := time.monotonic()) - begun
            if now - told > _TELL_EVERY:
                told = now
                left = at.seconds / at.done * max(0, steps * run.epochs - at.done)
                mean = sum(losses) / len(losses)
                say(
                    f"epoch {at.epoch + 1}/{run.epochs} batch {at.batch}/{len(batches)} loss {mean:.3f} "
                    f"{at.seconds / 60:.1f} min, {left / 60:.0f} left"
                )
                losses.clear()
            if now - saved > _SAVE_EVERY:
                saved = now
                progress.save(optimizer, at)
        at.epoch, at.batch = at.epoch + 1, 0
        if at.epoch % run.score_every == 0 or at.epoch == run.epochs:
            model.eval()
            with torch.inference_mode(), _mixed(run.device):
                scores = {"epoch": float(at.epoch), **task.score(), "minutes": (time.monotonic() - begun) / 60}
            at.curve.append(scores)
            say(" ".join(f"{name} {value:.4g}" for name, value in scores.items()))
        at.seconds = time.monotonic() - begun
        progress.save(optimizer, at)
    model.eval()
    optimizer.restore_precision()
    return at.curve


def _mixed(device: str) -> torch.autocast:
    """Where an encoder that is computed in bfloat16 meets what is not."""
    return torch.autocast(device, torch.bfloat16, enabled=precision(device) is torch.bfloat16)


def precision(device: str) -> torch.dtype:
    """What an encoder is computed in while it learns: bfloat16 where there are instructions for it."""
    has_them = device != "cpu" or torch.cpu._is_avx512_bf16_supported()
    return torch.bfloat16 if has_them else torch.float32


class Optimizer:
    """AdamW over single-precision copies, with a rate that rises, then falls to nothing by a straight line."""

    def __init__(self, model: nn.Module, rates: Rates, steps: int) -> None:
        self._named = list(model.named_parameters())
        self._masters = [parameter.detach().clone().float() for _, parameter in self._named]
        groups = [
            {
                "params": [master],
                "lr": _rate(name, rates, _depth(model)),
                "weight_decay": 0.01 if master.dim() > 1 else 0,
            }
            for (name, _), master in zip(self._named, self._masters, strict=True)
        ]
        self._adam = torch.optim.AdamW(groups, fused=True, betas=(0.9, 0.98))
        warm = max(1, round(steps * _WARM_UP))
        self._schedule = torch.optim.lr_scheduler.LambdaLR(
            self._adam, lambda step: min((step + 1) / warm, max(0.0, (steps - step) / max(1, steps - warm)))
        )

    def step(self) -> None:
        for master, (_, parameter) in zip(self._masters, self._named, strict=True):
            master.grad = None if parameter.grad is None else parameter.grad.float()
            parameter.grad = None
        torch.nn.utils.clip_grad_norm_(self._masters, _LONGEST_GRADIENT)
        self._adam.step()
        self._schedule.step()
        self._copy()

    @torch.no_grad()
    def _copy(self) -> None:
        for master, (_, parameter) in zip(self._masters, self._named, strict=True):
            parameter.copy_(master)

    def restore_precision(self) -> None:
        """Give the model its single-precision weights."""
        for master, (_, parameter) in zip(self._masters, self._named, strict=True):
            parameter.data = master.detach()

    def state(self) -> dict[str, Any]:
        return {"masters": self._masters, "adam": self._adam.state_dict(), "schedule": self._schedule.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        for master, saved in zip(self._masters, state["masters"], strict=True):
            master.copy_(saved)
        self._adam.load_state_dict(state["adam"])
        self._schedule.load_state_dict(state["schedule"])
        self._copy()


@dataclass
class _Position:
    """How far a training is: batches of this epoch, and of all."""

    epoch: int = 0
    batch: int = 0
    done: int = 0
    seconds: float = 0.0
    curve: list[dict[str, float]] = field(default_factory=list)


class _Progress:
    """A checkpoint on disk, replaced whole."""

    def __init__(self, path: Path, digest: str) -> None:
        self._path = path
        self._digest = digest

    def save(self, optimizer: Optimizer, at: _Position) -> None:
        # The generator's state too: what is dropped out is drawn from it.
        state = {
            "digest": self._digest,
            "at": asdict(at),
            "optimizer": optimizer.state(),
            "random": torch.get_rng_state(),
        }
        temporary = self._path.with_suffix(".new")
        torch.save(state, temporary)
        temporary.replace(self._path)

    def restore(self, model: nn.Module, optimizer: Optimizer) -> _Position:
        if not self._path.exists():
            return _Position()
        state = torch.load(self._path, map_location=next(model.parameters()).device, weights_only=True)
        if state["digest"] != self._digest:
            raise ValueError(
                f"{self._path} is of a training with other settings or data: remove it to begin anew, "
                "or give the settings it was begun with to go on"
            )
        optimizer.restore(state["optimizer"])
        torch.set_rng_state(state["random"].cpu())
        return _Position(**state["at"])


def _depth(model: nn.Module) -> int:
    numbers = [int(name.split(".")[2]) for name, _ in model.named_parameters() if name.startswith("encoder.layers.")]
    return max(numbers, default=-1) + 1


def _rate(name: str, rates: Rates, depth: int) -> float:
    if not name.startswith("encoder.layers."):
        return rates.heads
    return rates.encoder * rates.decay ** (depth - 1 - int(name.split(".")[2]))


def _both(path: Path, tell: Tell) -> Tell:
    def say(line: str) -> None:
        with path.open("a", encoding="utf-8") as log:
            print(f"{time.strftime('%H:%M:%S')} {line}", file=log)
        tell(line)

    return say


def batches_by_size(sizes: Sequence[int], most: int, chance: random.Random) -> Iterator[list[int]]:
    """Indices in batches of about `most` in all, of similar sizes each, in random order: little is padding."""
    order = sorted(range(len(sizes)), key=lambda index: sizes[index] * (1 + 0.1 * chance.random()))
    batches: list[list[int]] = [[]]
    for index in order:
        if batches[-1] and (len(batches[-1]) + 1) * sizes[index] > most:
            batches.append([])
        batches[-1].append(index)
    chance.shuffle(batches)
    return iter(batches)


Tensors = TypeVar("Tensors", bound=tuple[Any, ...])


def on_device(batch: Tensors, device: str) -> Tensors:
    """The same named tuple, of tensors and of such tuples, on a device."""
    moved = [each.to(device) if isinstance(each, Tensor) else on_device(each, device) for each in batch]
    return type(batch)(*moved)
