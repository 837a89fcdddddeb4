from pathlib import Path

import msgspec
import pytest
import torch

from pipeline.models import weights
from pipeline.models.bundle import BundleError


class About(msgspec.Struct):
    words: tuple[str, ...]


def test_what_was_stored_comes_back_within_half_a_step_of_its_row(tmp_path: Path) -> None:
    matrix = torch.randn(7, 30) * torch.logspace(-3, 1, 7)[:, None]
    vector = torch.randn(30)
    weights.save(tmp_path / "w.safetensors", {"a.weight": matrix, "a.bias": vector}, About(("слово",)))
    found, about = weights.load(tmp_path / "w.safetensors", About)
    assert about.words == ("слово",)
    assert torch.equal(found["a.bias"], vector)
    step = matrix.abs().amax(-1, keepdim=True) / 127
    assert bool(((found["a.weight"] - matrix).abs() <= step / 2 + 1e-6).all())
    assert set(found) == {"a.weight", "a.bias"}


def test_a_row_of_nothing_stays_nothing(tmp_path: Path) -> None:
    weights.save(tmp_path / "w.safetensors", {"a": torch.zeros(2, 3)}, About(()))
    assert not weights.load(tmp_path / "w.safetensors", About)[0]["a"].any()


@pytest.mark.parametrize("content", [b"", b"not a file of weights", b"\x80\x00"])
def test_another_file_is_told_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "syntax.safetensors"
    path.write_bytes(content)
    with pytest.raises(BundleError, match=r"syntax\.safetensors"):
        weights.load(path, About)
