"""Real Stanza models, made in seconds from a dozen sentences, as Stanza publishes them: with character models, their
own word vectors, multi-word tokens and four types of entities."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from stanza.models import charlm, lemmatizer, mwt_expander, ner_tagger, parser, tagger, tokenizer
from stanza.models.common.pretrain import Pretrain

RELEASE = "1.15.0"
_ROLES = ("pretrain", "forward_charlm", "backward_charlm")
_PEOPLE = ("Олена", "Марія", "Софія", "Ганна")
_CITIES = (("Києві", "Київ"), ("Львові", "Львів"), ("Одесі", "Одеса"))


class _Row(NamedTuple):
    form: str
    lemma: str
    upos: str
    head: int
    deprel: str
    ner: str = "O"


class _Sentence(NamedTuple):
    """`joined` are the words that are one token in the text, and the token."""

    rows: tuple[_Row, ...]
    joined: dict[int, tuple[int, str]]

    def tokens(self) -> list[tuple[str, Sequence[_Row]]]:
        result: list[tuple[str, Sequence[_Row]]] = []
        at = 0
        while at < len(self.rows):
            end, form = self.joined.get(at, (at + 1, self.rows[at].form))
            result.append((form, self.rows[at:end]))
            at = end
        return result


def _sentences() -> list[_Sentence]:
    result = []
    for person in _PEOPLE:
        for form, city in _CITIES:
            who = _Row(person, person, "PROPN", 2, "nsubj", "S-PERS")
            place = _Row(form, city, "PROPN", 2, "obl", "S-LOC")
            full_stop = _Row(".", ".", "PUNCT", 2, "punct")
            lives = (who, _Row("живе", "жити", "VERB", 0, "root"), _Row("у", "у", "ADP", 4, "case"), place, full_stop)
            result.append(_Sentence(lives, {}))
            wants = (
                _Row(person, person, "PROPN", 2, "nsubj", "S-PERS"),
                _Row("хоче", "хотіти", "VERB", 0, "root"),
                _Row("що", "що", "SCONJ", 5, "mark"),
                _Row("б", "б", "AUX", 5, "aux"),
                _Row("жила", "жити", "VERB", 2, "ccomp"),
                _Row(".", ".", "PUNCT", 2, "punct"),
            )
            result.append(_Sentence(wants, {2: (4, "щоб")}))
    return result


class TinyStanza:
    """The files of a language as they lie at Stanza's, under `root`, and its list of resources."""

    def __init__(self, root: Path) -> None:
        """Train everything; it takes a few seconds."""
        logging.getLogger("stanza").setLevel(logging.ERROR)
        torch.set_num_threads(1)
        self.root = root
        self._work = root / "work"
        self._work.mkdir(parents=True)
        self._sentences = _sentences()
        self._write_data()
        self._make()

    def _make(self) -> None:
        vectors = self._path("pretrain", "tiny")
        words = sorted({row.form.lower() for sentence in self._sentences for row in sentence.rows})
        text = "".join(f"{word} {' '.join(f'{(hash_of(word, at)):.3f}' for at in range(8))}\n" for word in words)
        (self._work / "vectors.txt").write_text(f"{len(words)} 8\n{text}")
        Pretrain(str(vectors), str(self._work / "vectors.txt")).load()
        for direction in ("forward", "backward"):
            target = self._path(f"{direction}_charlm", "tiny")
            arguments = ["--char_hidden_dim", "16", "--char_emb_dim", "8", "--epochs", "1", "--cutoff", "1"]
            arguments += ["--train_file", self._data("txt"), "--eval_file", self._data("txt"), "--batch_size", "2"]
            arguments += ["--vocab_save_name", "vocab", "--no_checkpoint", "--bptt_size", "50"]
            self._run(charlm, target, ["--direction", direction, *arguments])
        characters = ["--charlm", "--charlm_shorthand", "uk_tiny"]
        characters += ["--charlm_forward_file", str(self._path("forward_charlm", "tiny"))]
        characters += ["--charlm_backward_file", str(self._path("backward_charlm", "tiny"))]
        pretrain = ["--wordvec_pretrain_file", str(vectors)]
        small = ["--hidden_dim", "24", "--batch_size", "200", "--eval_interval", "20", "--transformed_dim", "16"]
        small += ["--deep_biaff_hidden_dim", "24", "--word_emb_dim", "10", "--tag_emb_dim", "8", "--num_layers", "1"]
        conllu = ["--train_file", self._data("conllu"), "--eval_file", self._data("conllu")]
        gold = ["--gold_file", self._data("conllu")]
        labels = ["--txt_file", self._data("txt"), "--label_file", self._data("toklabels")]
        labels += ["--dev_txt_file", self._data("txt"), "--dev_label_file", self._data("toklabels")]
        labels += ["--dev_conll_gold", self._data("conllu"), "--mwt_json_file", self._data("json.mwt")]
        steps = ["--steps", "100", "--eval_steps", "100", "--batch_size", "8", "--lr0", "0.01", "--dropout", "0"]
        self._run(tokenizer, self._path("tokenize", "tiny"), [*labels, *steps, "--unit_dropout", "0"])
        self._run(mwt_expander, self._path("mwt", "tiny"), [*conllu, *gold, "--dict_only", "--num_epoch", "1"])
        self._run(
            tagger,
            self._path("pos", "tiny_charlm"),
            [*conllu, *pretrain, *characters, *small, "--max_steps", "40", "--dropout", "0"],
        )
        self._run(lemmatizer, self._path("lemma", "tiny_nocharlm"), [*conllu, "--num_epoch", "2", "--hidden_dim", "16"])
        self._run(
            parser,
            self._path("depparse", "tiny_charlm"),
            [*conllu, *pretrain, *characters, *small, "--max_steps", "40", "--dropout", "0", "--no_checkpoint"],
        )
        entities = ["--train_file", self._data("ner.json"), "--eval_file", self._data("ner.json")]
        self._run(
            ner_tagger,
            self._path("ner", "languk"),
            [*entities, *pretrain, *characters, "--hidden_dim", "24", "--max_steps", "60", "--eval_interval", "20"],
        )

    def _run(self, module: object, target: Path, arguments: list[str]) -> None:
        save = ["--save_dir", str(target.parent), "--save_name", target.name, "--shorthand", "uk_tiny", "--cpu"]
        if module not in {charlm, lemmatizer, ner_tagger}:
            save += ["--lang", "uk"]
        module.main([*save, *arguments])  # type: ignore[attr-defined]
        assert target.is_file(), target

    def _path(self, kind: str, name: str) -> Path:
        path = self.root / "uk" / "models" / kind / f"{name}.pt"
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _data(self, suffix: str) -> str:
        return str(self._work / f"data.{suffix}")

    def _write_data(self) -> None:
        text, labels, conllu, entities = "", "", "", []
        expansions: dict[tuple[str, tuple[str, ...]], int] = {}
        for sentence in self._sentences:
            line = ""
            number = 1
            tagged = []
            for form, rows in sentence.tokens():
                is_last = form == "."
                line += form if is_last or not line else f" {form}"
                mark = 2 if is_last else 3 if len(rows) > 1 else 1
                labels += ("" if is_last or len(line) == len(form) else "0") + "0" * (len(form) - 1) + str(mark)
                if len(rows) > 1:
                    conllu += f"{number}-{number + len(rows) - 1}\t{form}" + "\t_" * 8 + "\n"
                    key = form, tuple(row.form for row in rows)
                    expansions[key] = expansions.get(key, 0) + 1
                for row in rows:
                    fields = (number, row.form, row.lemma, row.upos, row.upos, "_", row.head, row.deprel, "_", "_")
                    conllu += "\t".join(map(str, fields)) + "\n"
                    number += 1
                tagged.append({"text": form, "ner": rows[0].ner})
            text += f"{line} "
            labels += "0"
            conllu += "\n"
            entities.append(tagged)
        (self._work / "data.txt").write_text(text.rstrip() + "\n\n")
        (self._work / "data.toklabels").write_text(labels[:-1] + "\n\n")
        (self._work / "data.conllu").write_text(conllu)
        (self._work / "data.ner.json").write_text(json.dumps(entities))
        (self._work / "data.json.mwt").write_text(
            json.dumps([[[form, list(words)], count] for (form, words), count in expansions.items()])
        )

    def resources(self, url: str) -> dict[str, object]:
        """The list that describes the files, with the address `url` of the models."""
        needs = [{"model": kind, "package": "tiny"} for kind in ("pretrain", "forward_charlm", "backward_charlm")]
        models = {"tokenize": "tiny", "mwt": "tiny", "pos": "tiny_charlm", "lemma": "tiny_nocharlm"}
        models |= {"depparse": "tiny_charlm", "ner": "languk"}
        entry: dict[str, object] = {
            kind: {
                name: {"md5": self._md5(kind, name)}
                | ({"dependencies": needs} if kind in {"pos", "depparse", "ner"} else {})
            }
            for kind, name in models.items()
        }
        entry |= {
            kind: {"tiny": {"md5": self._md5(kind, "tiny")}}
            for kind in ("pretrain", "forward_charlm", "backward_charlm")
        }
        entry["packages"] = {"default": models}
        entry["lang_name"] = "Ukrainian"
        return {"uk": entry, "ukrainian": {"alias": "uk"}, "url": url}

    def bundle(self, folder: Path) -> Path:
        """A folder with the files for parse and entities, and their description."""
        named = {path: f"{path.parent.name}.pt" for path in self.root.rglob("*.pt")}
        for path, name in named.items():
            shutil.copyfile(path, folder / name)
        shared = ["pretrain.pt", "forward_charlm.pt", "backward_charlm.pt"]
        lines = ['name = "tiny"\nlanguage = "uk"\nscript = "CYRILLIC"\nversion = "1"\nstanza = "1.15.0"\n[stages]']
        lines.append(f"parse = {json.dumps(['tokenize.pt', 'mwt.pt', 'pos.pt', 'lemma.pt', 'depparse.pt', *shared])}")
        lines.append(f"entities = {json.dumps(['ner.pt', *shared])}\n[scores]")
        for part in ("tokenize", "mwt", "pos", "lemma", "depparse", "ner"):
            lines.append(f'[processors.{part}]\nmodel = "{part}.pt"')
            if part in {"pos", "depparse", "ner"}:
                lines += [f'{role} = "{name}"' for role, name in zip(_ROLES, shared, strict=True)]
        for name in sorted(named.values()):
            lines.append(f'[files."{name}"]\nwhat = "a model of a test"\ntrained_on = ["a test"]\nlicence = "MIT"')
        (folder / "bundle.toml").write_text("\n".join(lines), encoding="utf-8")
        return folder

    def _md5(self, kind: str, name: str) -> str:
        return hashlib.md5(self._path(kind, name).read_bytes()).hexdigest()


def hash_of(word: str, at: int) -> float:
    """A number between -1 and 1 that the word has at this place in every process."""
    return hashlib.sha256(f"{word}{at}".encode()).digest()[0] / 127.5 - 1
