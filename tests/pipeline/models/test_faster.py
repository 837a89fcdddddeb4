"""The shortcuts say what Stanza says."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from stanza.models.common.chuliu_edmonds import chuliu_edmonds_one_root
from stanza.models.depparse import model as depparse
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from pipeline.models import faster
from pipeline.models.neural import NeuralModels
from pipeline.models.stanza_models import StanzaAnnotator
from pipeline.stages import Subject
from pipeline.stages.parse import ParseStage
from tests.texts import document


@settings(deadline=None)  # on a busy machine, one of a hundred may take long
@given(st.integers(2, 25), st.integers(0, 2**32 - 1), st.floats(0.1, 5))
def test_the_best_tree_is_that_of_the_search(size: int, seed: int, spread: float) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.normal(scale=spread, size=(size, size)).astype(np.float32)
    # Half of the sentences as real ones are: every word sure of its head in some tree.
    if seed % 2:
        scores[np.arange(1, size), [generator.integers(0, word) for word in range(1, size)]] += 20
    np.fill_diagonal(scores, -np.inf)
    scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))  # log probabilities, as the parser gives them
    assert faster.best_tree(scores.copy())[1:].tolist() == chuliu_edmonds_one_root(scores.copy())[1:].tolist()


@torch.inference_mode()
def test_padded_sequences_are_read_as_packed_ones() -> None:
    torch.manual_seed(3)
    lstm = nn.LSTM(7, 5, batch_first=True, bidirectional=True)
    packed = pack_padded_sequence(torch.randn(4, 30, 7), [30, 30, 12, 1], batch_first=True)
    (expected, lengths), (found, same) = (
        pad_packed_sequence(reader(packed)[0], batch_first=True) for reader in (lstm, faster.Unpacked(lstm))
    )
    assert lengths.tolist() == same.tolist()
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def processors_of(models: NeuralModels) -> Sequence[Any]:
    assert isinstance(models.annotator, StanzaAnnotator)
    return models.annotator.processors


def test_the_parse_is_that_of_plain_stanza(stanza_models: NeuralModels) -> None:
    stage = ParseStage(stanza_models)
    subject = Subject(document("Олена живе у Києві. Марія хоче, щоб жила. Софія живе в Одесі. " * 5), {})
    *_, lemmatizer, parser = processors_of(stanza_models)
    learned = faster._copied(lemmatizer.trainer.pos_dict)
    for _ in range(2):  # the second time, lemmas are remembered
        (fast,) = stage.run([subject])
    lemmatizer.trainer.pos_dict = learned
    lemmatizer.processor.store_results = False
    words = parser.config["batch_size"]
    depparse.chuliu_edmonds_one_root = chuliu_edmonds_one_root
    parser.config["batch_size"] = 5000
    try:
        (plain,) = stage.run([subject])
    finally:
        parser.config["batch_size"] = words
        lemmatizer.processor.store_results = True
        faster.apply()
    assert fast == plain
    assert words == faster.PARSER_WORDS


def test_what_is_remembered_is_bounded(stanza_models: NeuralModels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faster, "_LEMMAS", 10)
    *_, lemmatizer, _ = processors_of(stanza_models)
    bounded = faster.BoundedLemmas(lemmatizer.processor)
    learned = sum(map(len, bounded.trainer.pos_dict.values()))
    for number in range(30):
        bounded.trainer.pos_dict.setdefault("NOUN", {})[f"слова{number}"] = "слово"
        bounded.bulk_process([])
        assert sum(map(len, bounded.trainer.pos_dict.values())) <= learned + 10
