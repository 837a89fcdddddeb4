"""What Stanza's published models were trained on, as far as it is known, and under which licence that is.

Stanza's own pages say that the models are Apache-2.0; what their data's licences ask is for the user to heed, so
these are told. Sources: the treebanks' own LICENSE files (https://universaldependencies.org), https://github.com/lang-uk/ner-uk,
https://stanfordnlp.github.io/stanza/ner_models.html. What is not known here is said to be looked up.
"""

from __future__ import annotations

from typing import NamedTuple

from pipeline.models.stanza_resources import Plan, Wanted


class Fact(NamedTuple):
    trained_on: str
    licence: str


# By Stanza's language and the beginning of the model's name.
_TREEBANKS = {
    ("uk", "iu"): Fact("UD_Ukrainian-IU", "CC BY-NC-SA 4.0"),
    ("uk", "parlamint"): Fact("UD_Ukrainian-ParlaMint", "CC BY-SA 4.0"),
    ("pl", "pdb"): Fact("UD_Polish-PDB", "CC BY-NC-SA 4.0"),
}
_ENTITIES = {("uk", "languk"): Fact("NER-UK 1.0 of lang-uk", "CC BY-NC-SA 4.0")}
# Of vectors and character models, which are named for where their text is from.
_TEXTS = {
    "conll17": Fact("raw texts of the CoNLL 2017 shared task", "see https://hdl.handle.net/11234/1-1989"),
    "fasttext157": Fact("Common Crawl and Wikipedia, by fastText", "CC BY-SA 3.0"),
    "fasttextwiki": Fact("Wikipedia, by fastText", "CC BY-SA 3.0"),
    "oscar": Fact("OSCAR", "see https://oscar-project.org"),
}
_WHAT = {
    "tokenize": "Stanza tokenizer and sentence splitter",
    "mwt": "Stanza expander of multi-word tokens",
    "pos": "Stanza part-of-speech and morphology tagger",
    "lemma": "Stanza lemmatizer",
    "depparse": "Stanza dependency parser",
    "ner": "Stanza named entity tagger",
    "pretrain": "word vectors",
    "forward_charlm": "character language model, forwards",
    "backward_charlm": "character language model, backwards",
}
# Efir's types are those of NER-UK 2.0. Where another corpus means the same by another word, it is told so.
_TYPES = {
    "PER": "PERS",
    "PERSON": "PERS",
    "persName": "PERS",
    "GPE": "LOC",
    "FAC": "LOC",
    "placeName": "LOC",
    "geogName": "LOC",
    "orgName": "ORG",
    "NORP": "MISC",
    "EVENT": "MISC",
    "LAW": "DOC",
    "WORK_OF_ART": "ART",
    "PRODUCT": "ART",
    "MONEY": "MON",
    "PERCENT": "PCT",
    "QUANTITY": "QUANT",
    "date": "DATE",
    "time": "TIME",
}
_UNKNOWN_TREEBANK = "see https://universaldependencies.org"
_UNKNOWN = "see https://stanfordnlp.github.io/stanza"


def what_is(wanted: Wanted) -> str:
    return f"{_WHAT[wanted.kind]}, {wanted.package}"


def fact_of(plan: Plan, wanted: Wanted) -> Fact:
    """What a file learned from. A tagger's vectors and character models are files with facts of their own."""
    language, corpus = plan.stanza_language, wanted.package.split("_")[0]
    if wanted.kind in {"pretrain", "forward_charlm", "backward_charlm"}:
        known = next((fact for name, fact in _TEXTS.items() if corpus.startswith(name)), None)
        return known or Fact(f"the texts that Stanza calls {corpus}", _UNKNOWN)
    if wanted.kind == "ner":
        return _ENTITIES.get((language, corpus)) or Fact(f"the corpus that Stanza calls {corpus}", _UNKNOWN)
    treebank = Fact(f"UD treebank {corpus} of {plan.language_name}", _UNKNOWN_TREEBANK)
    return _TREEBANKS.get((language, corpus)) or treebank


def types_of(tags: list[str]) -> dict[str, str]:
    """Which of a tagger's types are called otherwise in Efir."""
    return {tag: _TYPES[tag] for tag in tags if tag in _TYPES}
