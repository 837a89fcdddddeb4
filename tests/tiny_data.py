"""A folder of data as training wants it, small enough to learn from in seconds, written for the tests."""

from __future__ import annotations

import json
from pathlib import Path

RECIPE = """
language = "uk"
seed = 3

[tokenizer]
treebanks = ["ud/one-train.conllu"]
chosen_by = ["ud/one-train.conllu"]
settings = { steps = 2, max_seqlen = 60, batch = 4 }

[lexicon]
treebanks = ["ud/one-train.conllu"]

[syntax]
epochs = 2
keep_whole = ["one"]
settings = { layers = 2, by_word = 1, pieces_a_batch = 200 }

[syntax.treebanks]
one = ["ud/one-train.conllu"]
other = ["ud/other-train.conllu"]

[syntax.chosen_by]
one = ["ud/one-train.conllu"]

[semantics]
epochs = 1
names = "ner/train.iob"
tones = "sentiment/train.tsv"
topics = "topics/train.tsv"
taxonomy = "topics/topics.json"
written_names = "uk-written-names.txt"
written_names_times = 2
settings = { layers = 3, by_word = 2, pieces_a_batch = 200, names = 3, tones = 2, topics = 2 }
"""
BUNDLE = """
name = "tiny"
language = "uk"
script = "CYRILLIC"
version = "1"
stanza = "1.15.0"

[stages]
parse = ["tokenize.pt", "pieces.json", "embeddings.safetensors", "lexicon.tsv.gz", "syntax.safetensors"]
entities = ["pieces.json", "embeddings.safetensors", "semantics.safetensors"]
sentiment = ["pieces.json", "embeddings.safetensors", "semantics.safetensors"]
topics = ["pieces.json", "embeddings.safetensors", "semantics.safetensors"]

[processors.tokenize]
model = "tokenize.pt"

[scores]
"""
_PEOPLE = ("Олена", "Марія", "Софія", "Ганна", "Іван", "Петро")
_PLACES = (("Києві", "Київ"), ("Львові", "Львів"), ("Одесі", "Одеса"))
_TOPICS = (("medtop:11000000", "politics", 1), ("medtop:15000000", "sport", 1), ("medtop:20000593", "government", 2))


def write(folder: Path) -> Path:
    for name in ("ud", "ner", "sentiment", "topics"):
        (folder / name).mkdir(parents=True)
    for name, degree in (("one", "Degree=Pos|"), ("other", "")):
        (folder / "ud" / f"{name}-train.conllu").write_text("".join(_trees(degree)), encoding="utf-8")
    marked = [f"{person} B-PERS\nживе O\nу O\n{place} B-LOC\n. O\n" for person in _PEOPLE for place, _ in _PLACES]
    (folder / "ner" / "train.iob").write_text("\n\n".join(marked * 20), encoding="utf-8")
    toned = ["source\tlabel\ttext"]
    for at, (label, text) in enumerate(
        [("positive", "Дякуємо за допомогу!"), ("negative", "Це жахлива втрата."), ("neutral", "Засідання о десятій.")]
        * 9
    ):
        toned.append(f"doc{at}\t{label}\t{text}")
    (folder / "sentiment" / "train.tsv").write_text("\n".join(toned) + "\n", encoding="utf-8")
    topics = ["id\tsource\ttopics\ttext"]
    for at in range(30):
        text = "Уряд ухвалив закон. Депутати голосували." if at % 2 else "Команда виграла матч. Уболівальники раділи."
        topics.append(f"t{at}\tdoc{at}\t{_TOPICS[0 if at % 2 else 1][0]}\t{text}")
    (folder / "topics" / "train.tsv").write_text("\n".join(topics) + "\n", encoding="utf-8")
    (folder / "topics" / "topics.json").write_text(
        json.dumps(
            [
                {"id": id_, "name": name, "level": level, "path": [_TOPICS[0][0], id_][2 - level :], "retired": None}
                for id_, name, level in _TOPICS
            ]
        )
    )
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return folder


def texts() -> list[str]:
    return [f"{person} живе у великому {place} ." for person in _PEOPLE for place, _ in _PLACES]


def bundle(folder: Path) -> Path:
    """A folder with the recipe and the description of a bundle whose files are yet to be made."""
    folder.mkdir(parents=True)
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    files = "".join(
        f'\n[files."{name}"]\nwhat = "a file of a test"\ntrained_on = ["sentences of a test"]\nlicence = "Apache-2.0"\n'
        for name in (
            "tokenize.pt",
            "pieces.json",
            "lexicon.tsv.gz",
            "embeddings.safetensors",
            "syntax.safetensors",
            "semantics.safetensors",
        )
    )
    (folder / "bundle.toml").write_text(BUNDLE + files, encoding="utf-8")
    return folder


def _trees(degree: str) -> list[str]:
    result = []
    for person in _PEOPLE:
        for place, lemma in _PLACES:
            rows = [
                (person, person, "PROPN", "Case=Nom|Number=Sing", 2, "nsubj", "_"),
                ("живе", "жити", "VERB", "Mood=Ind|Number=Sing", 0, "root", "_"),
                ("у", "у", "ADP", "Case=Loc", 5, "case", "_"),
                ("великому", "великий", "ADJ", f"Case=Loc|{degree}Number=Sing", 5, "amod", "_"),
                (place, lemma, "PROPN", "Case=Loc|Number=Sing", 2, "obl", "SpaceAfter=No"),
                (".", ".", "PUNCT", "_", 2, "punct", "_"),
            ]
            lines = [f"# sent_id = {person}-{lemma}", f"# text = {person} живе у великому {place}."]
            lines += [
                f"{at}\t{form}\t{lemma}\t{upos}\t_\t{feats}\t{head}\t{relation}\t_\t{misc}"
                for at, (form, lemma, upos, feats, head, relation, misc) in enumerate(rows, 1)
            ]
            result.append("# newdoc\n" + "\n".join(lines) + "\n\n")
    return result
