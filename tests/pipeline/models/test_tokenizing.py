"""Texts are cut as Stanza cuts them, whatever they are read together with."""

from __future__ import annotations

from typing import Any

import pytest
from stanza import Document as StanzaDocument
from stanza.models.common.foundation_cache import FoundationCache
from stanza.models.tokenization import utils

from pipeline.models import stanza_models
from pipeline.models.bundle import Bundle
from pipeline.models.cutting import Cut
from pipeline.models.tokenizing import TOO_LONG, Tokenizer

TEXTS = [
    "Доброго дня! Це 24 лютого 2022 року, м. Київ.\n\nЗаголовок без крапки\n\nІ. Я. Франко писав: «Каменярі».",
    "",
    "Так.",
    "  пробіли   всередині \n рядок за рядком, без крапки ",
    "2,5 млн. грн. за науково-технічну роботу; див. https://example.org/a?b=1 та пошта a@b.ua…\n\n— Що? — спитав він.",
    "а" * 1_200 + " кінець.",
]


@pytest.fixture(scope="module")
def processor(bundle: Bundle) -> Any:
    """Stanza's own, as it comes."""
    options = {"tokenize_model_path": str(bundle.path("tokenize.pt"))}
    opened = stanza_models._open(bundle.folder, bundle.language, ("tokenize",), FoundationCache(), options)
    return opened.processors["tokenize"]


def test_texts_are_cut_as_stanza_cuts_them(bundle: Bundle, processor: Any) -> None:
    expected = [
        Cut(
            text,
            [[(token.text, token.start_char, token.end_char, False) for token in s.tokens] for s in said.sentences],
        )
        for text, said in zip(
            TEXTS, processor.bulk_process([StanzaDocument([], text=text) for text in TEXTS]), strict=True
        )
    ]
    tokenizer = stanza_models.open_tokenizer(bundle.path("tokenize.pt"), bundle.language)
    assert tokenizer.cut(TEXTS) == expected
    assert [tokenizer.cut([text])[0] for text in TEXTS] == expected


def test_a_token_lies_in_its_text(bundle: Bundle) -> None:
    tokenizer = stanza_models.open_tokenizer(bundle.path("tokenize.pt"), bundle.language)
    for text, cut in zip(TEXTS, tokenizer.cut(TEXTS), strict=True):
        assert cut.text == text
        tokens = [token for sentence in cut.sentences for token in sentence]
        assert "".join(text[token.start : token.end] for token in tokens).split() == "".join(text.split()).split()
        assert all(token.text in {text[token.start : token.end], TOO_LONG} for token in tokens)
    assert tokenizer.cut([TEXTS[-1]])[0].sentences[0][0].text == TOO_LONG


def test_nothing_is_cut_into_nothing(bundle: Bundle) -> None:
    tokenizer: Tokenizer = stanza_models.open_tokenizer(bundle.path("tokenize.pt"), bundle.language)
    assert tokenizer.cut([]) == []
    assert tokenizer.cut(["", " "]) == [Cut("", []), Cut(" ", [])]


def test_an_endless_run_is_not_searched_for_addresses(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = stanza_models.open_tokenizer(bundle.path("tokenize.pt"), bundle.language)
    address = "Пишіть на a.b@example.org сьогодні."
    (expected,) = tokenizer.cut([address])
    assert "a.b@example.org" in [token.text for token in expected.sentences[0]]
    searched: list[str] = []
    search = utils.update_pred_regex
    monkeypatch.setattr(
        utils, "update_pred_regex", lambda raw, pred: (searched.append("".join(raw)), search(raw, pred))[1]
    )
    digits, same = tokenizer.cut(["7" * 3_000, address])
    assert same == expected and searched == [address]
    assert "".join(digits.text[token.start : token.end] for token in digits.sentences[0]) == "7" * 3_000
