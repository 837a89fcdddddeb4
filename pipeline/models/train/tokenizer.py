"""Training Stanza's tokenizer and sentence splitter from treebanks, by Stanza's own trainer.

It learns letters and their labels (0 inside, 1 end of a token, 2 end of a sentence), which are made here from CoNLL-U:
paragraphs are those of the treebank.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from pipeline.models.train.labelled import Library, Place, read_places

_EVAL_STEPS = 400
_SPACE, _INSIDE, _TOKEN, _SENTENCE = "0", "0", "1", "2"


class Settings(msgspec.Struct, frozen=True):
    steps: int = 2_400
    max_seqlen: int = 160
    batch: int = 32


class Paragraph(NamedTuple):
    text: str
    labels: str  # one digit a letter


class _Sentence(NamedTuple):
    text: str
    tokens: list[str]


def train_tokenizer(
    treebanks: Sequence[Path],
    own: Sequence[Paragraph],
    chosen_by: Sequence[Path],
    settings: Settings,
    folder: Path,
    language: str,
    seed: int,
) -> Path:
    """Train in `folder` on treebanks and the project's `own` paragraphs, and return the model's path in it."""
    # Stanza's trainer reads arguments as a program does.
    from stanza.models import tokenizer  # noqa: PLC0415 (torch, and much of Stanza)

    folder.mkdir(parents=True, exist_ok=True)
    for name, paths, more in (("train", treebanks, own), ("dev", chosen_by, ())):
        paragraphs = [*(each for path in paths for each in read_paragraphs(path)), *more]
        (folder / f"{name}.txt").write_text("\n\n".join(each.text for each in paragraphs) + "\n\n", encoding="utf-8")
        (folder / f"{name}.labels").write_text("\n\n".join(each.labels for each in paragraphs) + "\n\n")
        (folder / f"{name}.conllu").write_text("".join(_plain(path) for path in paths), encoding="utf-8")
    (folder / "no-mwt.json").write_text("{}")
    tokenizer.main(
        [
            "--mode", "train", "--lang", language, "--shorthand", f"{language}_efir", "--seed", str(seed), "--cpu",
            "--txt_file", str(folder / "train.txt"), "--label_file", str(folder / "train.labels"),
            "--dev_txt_file", str(folder / "dev.txt"), "--dev_label_file", str(folder / "dev.labels"),
            "--dev_conll_gold", str(folder / "dev.conllu"), "--conll_file", str(folder / "said.conllu"),
            "--no_use_mwt", "--max_seqlen", str(settings.max_seqlen), "--batch_size", str(settings.batch),
            "--steps", str(settings.steps), "--eval_steps", str(min(settings.steps, _EVAL_STEPS)),
            "--mwt_json_file", str(folder / "no-mwt.json"), "--save_dir", str(folder), "--save_name", "tokenize.pt",
        ]
    )  # fmt: skip
    return folder / "tokenize.pt"


def read_paragraphs(path: Path) -> Iterator[Paragraph]:
    """The texts of a treebank's paragraphs (`newpar`, `newdoc`)."""
    sentences: list[_Sentence] = []
    for is_new, sentence in _sentences(path):
        if is_new and sentences:
            yield _paragraph(sentences, path)
            sentences = []
        sentences.append(sentence)
    if sentences:
        yield _paragraph(sentences, path)


def own_paragraphs(path: Path, library: Library) -> Iterator[Paragraph]:
    """Of the project's trees: what was labelled of a document."""
    for _, texts in itertools.groupby(read_places(path, library, "words"), key=lambda text: text.source):
        sentences = []
        for text in texts:
            places = [Place.of(label) for label in text.labels]
            sentences.append(_Sentence(text.text, [text.text[place.start : place.end] for place in places]))
        yield _paragraph(sentences, path)


def _paragraph(sentences: Sequence[_Sentence], path: Path) -> Paragraph:
    """Sentences set apart by a space."""
    texts = [sentence.text for sentence in sentences]
    labels = [_labels(sentence.text, sentence.tokens, path) for sentence in sentences]
    return Paragraph(" ".join(texts), _SPACE.join(labels))


def _labels(text: str, tokens: Sequence[str], path: Path) -> str:
    result = [_INSIDE] * len(text)
    at = 0
    for number, token in enumerate(tokens, 1):
        at = text.find(token, at)
        if at < 0:
            raise ValueError(f"{path}: the token {token!r} is not in its sentence: {text[:60]!r}")
        at += len(token)
        result[at - 1] = _SENTENCE if number == len(tokens) else _TOKEN
    return "".join(result)


def _sentences(path: Path) -> Iterator[tuple[bool, _Sentence]]:
    is_new, text = False, ""
    tokens: list[str] = []
    inside = 0  # the last word of a multi-word token: those up to it are no tokens
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.startswith(("# newdoc", "# newpar")):
            is_new = True
        elif line.startswith("# text = "):
            text = line.removeprefix("# text = ").strip()
        elif line and not line.startswith("#"):
            number, form, *_ = line.split("\t")
            if "-" in number:
                tokens.append(form)
                inside = int(number.split("-")[1])
            elif number.isdigit() and int(number) > inside:
                tokens.append(form)
        elif not line and tokens:
            yield is_new, _Sentence(text, tokens)
            is_new, text, tokens, inside = False, "", [], 0


def _plain(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    return text if text.endswith("\n\n") else text.rstrip("\n") + "\n\n"
