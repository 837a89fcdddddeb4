"""The same model in other arithmetic says nearly the same."""

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

from pipeline.models import arithmetic, weights
from pipeline.models.arithmetic import Arithmetic, Int8Embedding, Int8Linear
from pipeline.models.bundle import Bundle
from pipeline.models.encoder import Embeddings, Shape
from pipeline.models.neural import EMBEDDINGS, PIECES
from pipeline.models.pieces import Pieces
from pipeline.models.reader import FILE, About
from pipeline.models.semantics import Semantics


def test_a_layer_of_8_bits_is_off_by_no_more_than_its_steps() -> None:
    torch.manual_seed(0)
    linear, given = nn.Linear(96, 40), torch.randn(5, 7, 96) * 3
    exact, told = linear(given), Int8Linear(linear)(given)
    assert told.shape == exact.shape
    # Half a step of the weights and half a step of what is given, for each of 96 products, were all of one sign.
    weight_step = linear.weight.abs().amax(1) / 127
    given_step = 2 * given.abs().amax(-1, keepdim=True) / 255
    most = (
        given.abs().sum(-1, keepdim=True) * weight_step / 2
        + (linear.weight.abs() + weight_step[:, None] / 2).sum(1) * given_step / 2
    )
    assert bool(((told - exact).abs() <= most * 1.01).all())


@torch.inference_mode()
def test_a_vector_is_rounded_by_itself() -> None:
    torch.manual_seed(0)
    layer, given = Int8Linear(nn.Linear(96, 40)), torch.randn(3, 96)
    given[0] *= 100
    assert torch.equal(layer(given)[1:2], layer(given[1:2]))


def test_weights_that_were_stored_in_8_bits_are_taken_as_they_are() -> None:
    torch.manual_seed(1)
    whole, scale = weights.rounded(torch.randn(16, 32))
    assert torch.equal(weights.rounded(whole * scale)[0], whole)


def test_a_table_of_8_bits_is_the_stored_one() -> None:
    torch.manual_seed(2)
    table = nn.Embedding(9, 12)
    whole, scale = weights.rounded(table.weight.detach())
    ids = torch.tensor([[0, 3], [8, 8]])
    assert torch.equal(Int8Embedding(table)(ids), (whole * scale)[ids])


@pytest.mark.parametrize("chosen", Arithmetic)
@torch.inference_mode()
def test_the_shipped_model_says_nearly_the_same_in_each(bundle: Bundle, chosen: Arithmetic) -> None:
    stored, about = weights.load(bundle.path(FILE), About)

    def model() -> Semantics:
        made = Semantics(about.shape, about.labels)
        made.load_state_dict(stored)
        return made.eval()

    table, shape = weights.load(bundle.path(EMBEDDINGS), Shape)
    embeddings = Embeddings(shape)
    embeddings.load_state_dict(table)
    batch = Pieces(bundle.path(PIECES)).batch(
        [["Президент", "України", "приїхав", "до", "Вінниці", "."], ["Дякую", "!"], ["Засідання", "комітету", "."]]
    )
    exact, fitted = model(), model()
    arithmetic.fit(fitted, chosen)
    expected, said = (each.read(embeddings, batch) for each in (exact, fitted))
    likeness = functional.cosine_similarity(expected.words, said.words, dim=-1)[batch.is_word]
    assert likeness.mean() > 0.995 and likeness.min() > 0.97
    assert functional.cosine_similarity(expected.texts, said.texts).min() > 0.995
    assert torch.equal(expected.words, said.words) == (chosen is Arithmetic.SINGLE)


def test_the_fastest_is_one_that_this_processor_has() -> None:
    flags = Path("/proc/cpuinfo").read_text()
    has = {Arithmetic.BFLOAT16: ("amx_bf16",), Arithmetic.INT8: ("avx512_vnni", "avx_vnni")}
    found = arithmetic.fastest()
    assert found is Arithmetic.SINGLE or any(flag in flags for flag in has[found])
