from pathlib import Path

import pytest
import torch
from torch import nn

from pipeline.models.encoder import Encoder, Shape, from_pretrained
from tests import tiny_encoder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder.write(tmp_path_factory.mktemp("encoder"), ["слово за словом"] * 5, layers=2)


def opened(folder: Path, layers: int) -> tuple[nn.Module, Encoder]:
    embeddings, weights = from_pretrained(folder, layers)
    encoder = Encoder(Shape(layers))
    encoder.load_state_dict(weights)
    return embeddings.eval(), encoder.eval()


@torch.no_grad()
def test_it_computes_what_a_bert_computes(folder: Path) -> None:
    """Against PyTorch's own layers, which are BERT's when normalised after and with GELU."""
    embeddings, encoder = opened(folder, 2)
    layers = []
    for own in encoder.layers:
        theirs = nn.TransformerEncoderLayer(384, 12, 1536, 0.0, "gelu", 1e-12, batch_first=True).eval()
        theirs.self_attn.in_proj_weight.copy_(own.attend.weight)
        theirs.self_attn.in_proj_bias.copy_(own.attend.bias)
        theirs.self_attn.out_proj.load_state_dict(own.attended.state_dict())
        theirs.linear1.load_state_dict(own.widen.state_dict())
        theirs.linear2.load_state_dict(own.narrow.state_dict())
        theirs.norm1.load_state_dict(own.attended_norm.state_dict())
        theirs.norm2.load_state_dict(own.norm.state_dict())
        layers.append(theirs)
    ids = torch.tensor([[0, 5, 6, 7, 2], [0, 8, 2, 1, 1]])
    is_piece = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    expected = embedded = embeddings(ids)
    for layer in layers:
        expected = layer(expected, src_key_padding_mask=~is_piece)
    assert torch.allclose(encoder(embedded, is_piece)[is_piece], expected[is_piece], atol=1e-5)


@torch.no_grad()
def test_padding_changes_nothing(folder: Path) -> None:
    embeddings, encoder = opened(folder, 2)
    alone = encoder(embeddings(torch.tensor([[0, 5, 6, 2]])))
    ids = torch.tensor([[0, 5, 6, 2, 1, 1], [0, 5, 6, 7, 8, 2]])
    padded = encoder(embeddings(ids), ids != 1)
    assert torch.allclose(padded[0, :4], alone[0], atol=1e-5)


@torch.no_grad()
def test_training_attends_as_reading_does(folder: Path) -> None:
    embeddings, encoder = opened(folder, 2)
    ids = torch.tensor([[0, 5, 6, 2, 1], [0, 5, 6, 7, 2]])
    read = encoder(embeddings(ids), ids != 1)
    encoder.train()
    assert torch.allclose(encoder(embeddings(ids), ids != 1)[ids != 1], read[ids != 1], atol=1e-5)


def test_more_layers_than_there_are_is_an_error_that_says_how_many(folder: Path) -> None:
    with pytest.raises(ValueError, match="2 layers, 3 are asked for"):
        from_pretrained(folder, 3)
