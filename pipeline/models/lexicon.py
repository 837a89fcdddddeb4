"""Words that are known: the lemmas that treebanks give to forms, and the words that occur in texts at all.

A form that was learned from, with the same part of speech, has the lemma it nearly always had there. Of others the
model's best scripts are looked at: a lemma that occurs somewhere as a word («інвестиція») is preferred to one that
nobody ever wrote («інвестиційо»).

The file is text in gzip: a line a word, and behind a form's part of speech and lemma, divided by tabs.
"""

from __future__ import annotations

import gzip
import zlib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pipeline.models.bundle import BundleError
from pipeline.models.dictionary import plain

# By how much, in natural logarithms of probability, a lemma that occurs is preferred. Chosen on UD ParlaMint dev.
PREFERENCE = 4.0
_AGREEMENT = 0.7  # of a form's lemmas in the treebanks, for one to be its lemma
_OFTEN = 2  # a word that occurs once may be an error of spelling


class Lexicon:
    def __init__(self, lemmas: dict[tuple[str, str], str], words: frozenset[str]) -> None:
        self._lemmas = lemmas
        self._words = words

    def lemma(self, form: str, upos: str) -> str | None:
        return self._lemmas.get((form, upos))

    def occurs(self, word: str) -> bool:
        return plain(word) in self._words

    @classmethod
    def of(cls, tagged: Iterable[tuple[str, str, str]], texts: Iterable[str]) -> Lexicon:
        """From (form, UPOS, lemma) of treebanks, and words of texts."""
        lemmas: dict[tuple[str, str], Counter[str]] = {}
        words: Counter[str] = Counter()
        for form, upos, lemma in tagged:
            lemmas.setdefault((form, upos), Counter())[lemma] += 1
            words[plain(form)] += 1
            words[plain(lemma)] += _OFTEN
        words.update(map(plain, texts))
        return cls(
            {
                key: lemma
                for key, counts in lemmas.items()
                for lemma, count in counts.most_common(1)
                if count >= _AGREEMENT * counts.total()
            },
            frozenset(word for word, count in words.items() if count >= _OFTEN),
        )

    def save(self, path: Path) -> None:
        lines = [*sorted(self._words), *("\t".join((*key, lemma)) for key, lemma in sorted(self._lemmas.items()))]
        # Without a time, so that the same words are the same file.
        path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode(), mtime=0))

    @classmethod
    def load(cls, path: Path) -> Lexicon:
        try:
            lines = gzip.decompress(path.read_bytes()).decode().split("\n")
        except (EOFError, OSError, UnicodeDecodeError, zlib.error) as error:
            raise BundleError(f"{path}: no lexicon, which is text in gzip: {error}") from error
        lemmas: dict[tuple[str, str], str] = {}
        words: list[str] = []
        for number, line in enumerate(lines, 1):
            match line.split("\t"):
                case [""]:
                    pass
                case [word]:
                    words.append(word)
                case [form, upos, lemma]:
                    lemmas[form, upos] = lemma
                case _:
                    raise BundleError(f"{path}:{number}: a word, or a form, its part of speech and its lemma expected")
        return cls(lemmas, frozenset(words))
