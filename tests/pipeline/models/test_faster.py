"""The shortcuts say what Stanza says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stanza.models.common.chuliu_edmonds import chuliu_edmonds_one_root
from stanza.models.depparse import model as depparse

from pipeline.models import faster
from pipeline.models.neural import NeuralModels
from pipeline.stages import Subject
from pipeline.stages.parse import ParseStage
from tests.conftest import EXAMPLE
from tests.texts import document


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


def test_the_parse_is_that_of_plain_stanza(models: NeuralModels, parse_stage: ParseStage) -> None:
    subject = Subject(document(EXAMPLE.read_text()), {})
    learned = faster._copied(models.parser.processors["lemma"].trainer.pos_dict)
    for _ in range(2):  # the second time, lemmas are remembered
        (fast,) = parse_stage.run([subject])
    lemmatizer = models.parser.processors["lemma"]
    remembered, lemmatizer.trainer.pos_dict = lemmatizer.trainer.pos_dict, learned
    lemmatizer.store_results = False
    processor = models.parser.processors["depparse"]
    words = processor.config["batch_size"]
    depparse.chuliu_edmonds_one_root = chuliu_edmonds_one_root
    processor.config["batch_size"] = 5000
    try:
        (plain,) = parse_stage.run([subject])
    finally:
        processor.config["batch_size"] = words
        lemmatizer.trainer.pos_dict, lemmatizer.store_results = remembered, True
        faster.apply()
    assert fast == plain
    assert words == faster.PARSER_WORDS


def test_what_is_remembered_is_bounded(models: NeuralModels, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = models.parser.processors["lemma"].trainer
    monkeypatch.setattr(trainer, "pos_dict", {"NOUN": {"слово": "слово"}})
    monkeypatch.setattr(faster, "_LEMMAS", 10)
    remembered = faster.RememberedLemmas(trainer)
    for number in range(30):
        trainer.pos_dict["NOUN"][f"слова{number}"] = "слово"
        remembered.keep_bounded()
        assert len(trainer.pos_dict["NOUN"]) <= 11
    assert trainer.pos_dict["NOUN"]["слово"] == "слово"
