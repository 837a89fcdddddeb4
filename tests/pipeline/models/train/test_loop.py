import random
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pipeline.models.train import loop
from pipeline.models.train.loop import Rates, Run, batches_by_size, train


class Interrupted(Exception):
    """The machine went away."""


class Line:
    """Learns y = 3x; `ends_after` so many batches it is interrupted."""

    def __init__(self, ends_after: int = 10**9) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(1, 8), nn.Dropout(0.3), nn.Linear(8, 1))
        self._left = ends_after

    def epoch(self, chance: random.Random) -> list[Tensor]:
        return [torch.tensor([[chance.random()]]) for _ in range(chance.randrange(18, 23))]

    def loss(self, batch: Tensor) -> Tensor:
        if not self._left:
            raise Interrupted
        self._left -= 1
        return (self.model(batch) - 3 * batch).float().pow(2).mean()

    def score(self) -> dict[str, float]:
        return {"slope": float(self.model(torch.ones(1, 1)) - self.model(torch.zeros(1, 1)))}


def run(folder: Path, seed: int = 1) -> Run:
    return Run(folder, 3, seed, Rates(heads=0.1), "cpu", score_every=1)


def test_it_learns_and_tells_a_curve(tmp_path: Path) -> None:
    task = Line()
    lines: list[str] = []
    curve = train(task.model, task, run(tmp_path), {}, lines.append)
    assert [scores["epoch"] for scores in curve] == [1, 2, 3]
    assert abs(curve[-1]["slope"] - 3) < abs(curve[0]["slope"] - 3)
    assert (tmp_path / "log.txt").read_text().count("slope") == 3
    assert any("slope" in line for line in lines)


def test_what_was_interrupted_goes_on_and_ends_as_if_nothing_had_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "_SAVE_EVERY", 0.0)
    whole = Line()
    train(whole.model, whole, run(tmp_path / "whole"), {}, print)
    broken = Line(ends_after=33)
    with pytest.raises(Interrupted):
        train(broken.model, broken, run(tmp_path / "broken"), {}, print)
    again = Line()
    train(again.model, again, run(tmp_path / "broken"), {}, print)
    for one, other in zip(again.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(one, other)
    assert again._left > whole._left  # it did not begin anew


def test_a_checkpoint_of_other_settings_is_not_gone_on_from(tmp_path: Path) -> None:
    first = Line()
    train(first.model, first, run(tmp_path), {"layers": 1}, print)
    other = Line()
    with pytest.raises(ValueError, match="other settings"):
        train(other.model, other, run(tmp_path), {"layers": 2}, print)


def test_every_example_is_in_one_batch_and_none_is_too_large() -> None:
    sizes = [random.Random(1).randrange(1, 50) for _ in range(300)]
    batches = list(batches_by_size(sizes, 100, random.Random(2)))
    assert sorted(index for batch in batches for index in batch) == list(range(300))
    # Sizes are ordered by a tenth of chance, so a batch's largest is not always its last.
    assert all(len(batch) * max(sizes[index] for index in batch) <= 120 for batch in batches)
