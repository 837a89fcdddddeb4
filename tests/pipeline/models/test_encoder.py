from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import nn

from pipeline.models.encoder import Encoder, Shape, from_pretrained
from pipeline.models.pieces import Batch
from tests import tiny_encoder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder.write(tmp_path_factory.mktemp("encoder"), ["слово за словом"] * 5, layers=2)


def opened(folder: Path, layers: int, by_word: int) -> tuple[nn.Module, Encoder]:
    embeddings, weights = from_pretrained(folder, layers)
    encoder = Encoder(Shape(layers, by_word))
    encoder.load_state_dict(weights)
    return embeddings.eval(), encoder.eval()


def batch_of(*texts: Sequence[int]) -> Batch:
    """Texts given by how many pieces each of their words has."""
    longest, most = sum(max(texts, key=sum)) + 2, max(map(len, texts)) + 1
    ids = torch.full((len(texts), longest), 1)
    first, last = torch.zeros((2, len(texts), most), dtype=torch.long)
    for row, words in enumerate(texts):
        at = 1
        for word, pieces in enumerate(words, 1):
            first[row, word], last[row, word] = at, at + pieces - 1
            at += pieces
        ids[row, : at + 1] = torch.tensor([0, *range(5, at + 4), 2])
    sizes = torch.tensor([len(words) + 1 for words in texts])
    return Batch(ids, ids != 1, first, last, torch.arange(most) < sizes[:, None])


@torch.no_grad()
def test_it_computes_what_a_bert_computes(folder: Path) -> None:
    """Against PyTorch's own layers, which are BERT's when normalised after and with GELU."""
    embeddings, encoder = opened(folder, 2, by_word=0)
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
    batch = batch_of([1, 1, 1], [1])
    expected = embedded = embeddings(batch.ids)
    for layer, (states, is_there) in zip(layers, encoder.depths(embedded, batch, every=1).levels, strict=True):
        expected = layer(expected, src_key_padding_mask=~batch.is_piece)
        assert torch.equal(is_there, batch.is_piece)
        assert torch.allclose(states[is_there], expected[is_there], atol=1e-5)


@torch.no_grad()
def test_upper_layers_read_words(folder: Path) -> None:
    """Before anything is learned of first and last pieces, a word is the mean of its pieces."""
    embeddings, encoder = opened(folder, 2, by_word=1)
    batch = batch_of([2, 1, 3], [1, 1])
    embedded = embeddings(batch.ids)
    (lower, upper), read = encoder.depths(embedded, batch, every=1)
    assert lower.states.shape[1] == 8 and torch.equal(upper.is_there, batch.is_word)
    pieces = lower.states[0]
    words = torch.stack([pieces[0], pieces[1:3].mean(0), pieces[3], pieces[4:7].mean(0)])
    assert torch.allclose(upper.states[0], encoder.layers[1](words[None], None)[0], atol=1e-5)
    assert torch.equal(read, upper.states) and torch.equal(encoder(embedded, batch), read)


@torch.no_grad()
def test_layers_that_all_read_pieces_leave_words_too(folder: Path) -> None:
    embeddings, encoder = opened(folder, 2, by_word=0)
    batch = batch_of([2, 1, 3])
    (_, upper), words = encoder.depths(embeddings(batch.ids), batch, every=1)
    pieces = upper.states[0]
    expected = torch.stack([pieces[0], pieces[1:3].mean(0), pieces[3], pieces[4:7].mean(0)])
    assert torch.allclose(words[0], expected, atol=1e-5)


@torch.no_grad()
def test_first_and_last_pieces_are_told_apart(folder: Path) -> None:
    embeddings, encoder = opened(folder, 2, by_word=1)
    nn.init.normal_(encoder.join.weight)
    there, back = batch_of([2, 1]), batch_of([2, 1])
    back.first[:, 1], back.last[:, 1] = there.last[:, 1], there.first[:, 1]
    embedded = embeddings(there.ids)
    assert not torch.allclose(encoder(embedded, there)[:, 1], encoder(embedded, back)[:, 1], atol=1e-2)


@pytest.mark.parametrize("by_word", [0, 1, 2])
@torch.no_grad()
def test_padding_changes_nothing(folder: Path, by_word: int) -> None:
    embeddings, encoder = opened(folder, 2, by_word)
    one, two = batch_of([1, 2]), batch_of([1, 2], [2, 1, 2])
    alone = encoder(embeddings(one.ids), one)
    padded = encoder(embeddings(two.ids), two)
    assert torch.allclose(padded[0, : alone.shape[1]], alone[0], atol=1e-5)


@torch.no_grad()
def test_training_attends_as_reading_does(folder: Path) -> None:
    embeddings, encoder = opened(folder, 2, by_word=1)
    batch = batch_of([1, 1], [1, 1, 1])
    read = encoder(embeddings(batch.ids), batch)
    encoder.train()
    assert torch.allclose(encoder(embeddings(batch.ids), batch)[batch.is_word], read[batch.is_word], atol=1e-5)


def test_more_layers_than_there_are_is_an_error_that_says_how_many(folder: Path) -> None:
    with pytest.raises(ValueError, match="2 layers, 3 are asked for"):
        from_pretrained(folder, 3)
