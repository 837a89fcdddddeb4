"""A recipe: what a bundle's components are trained on and how, from a small TOML file; and what came of it.

Paths in a recipe are relative to the folder of data, which the user names. Data is described by digests, so that a
manifest can say what exactly was learned from.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from pipeline.models.bundle import sha256_of
from pipeline.models.train import labelled, semantics, syntax
from pipeline.models.train.loop import Rates
from pipeline.models.train.tokenizer import Settings as TokenizerSettings

RECIPE = "recipe.toml"


class RecipeError(Exception):
    """A recipe cannot be followed; the message says what is wrong with it."""


class SyntaxRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    epochs: int
    treebanks: dict[str, tuple[str, ...]]  # convention -> CoNLL-U files
    chosen_by: dict[str, tuple[str, ...]]  # the same, for the scores that are told while training
    own_trees: dict[str, str] = {}  # of the project's labels, heads and relations alone
    settings: syntax.Settings = syntax.Settings()
    rates: Rates = Rates()
    keep_whole: frozenset[str] = frozenset()


class SemanticsRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    epochs: int
    tones: str  # a table with sentences and their label
    topics: str  # a table with passages and their topics
    taxonomy: str  # IPTC Media Topics as JSON
    names: str = ""  # an IOB file
    own_names: str = ""  # of the project's labels, and so the others
    own_tones: str = ""
    own_topics: str = ""  # of the second level, for the passages of `topics`
    own_passages: str = ""  # topics of both levels
    written: str = ""  # passages written for training
    written_names: str = ""  # sentences written for training, of which names are learned
    written_names_times: int = 1  # how often each is among the others, of which there may be fifty for one
    settings: semantics.Settings = semantics.Settings()
    rates: Rates = Rates()
    tone_weights: tuple[float, float, float] = (1.3, 0.8, 1.3)  # negative, neutral, positive: neutral is half of all

    @property
    def labels(self) -> list[str]:
        """Files of the project's own labels that are learned from."""
        own = (self.own_names, self.own_tones, self.own_topics, self.own_passages, self.written, self.written_names)
        return [name for name in own if name]


class TokenizerRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    treebanks: tuple[str, ...]
    chosen_by: tuple[str, ...]
    own_trees: tuple[str, ...] = ()  # of the project's labels, for where their words begin and end
    settings: TokenizerSettings = TokenizerSettings()


class LexiconRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    treebanks: tuple[str, ...]
    texts: tuple[str, ...] = ()  # JSON lines, plain or .gz, or JSON, each document with `text`; globs


class DictionaryRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    package: str  # of Python, with a dictionary in pymorphy's format


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`semantics` is None for a bundle that takes names, tone and topics from elsewhere; `dictionary`, for a language
    without one; `texts`, where all documents may be learned from.
    """

    language: str
    tokenizer: TokenizerRecipe
    lexicon: LexiconRecipe
    syntax: SyntaxRecipe
    semantics: SemanticsRecipe | None = None
    dictionary: DictionaryRecipe | None = None
    texts: labelled.Chosen | None = None
    seed: int = 1

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """Raises RecipeError naming the field that is wrong."""
        try:
            return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), type=cls)
        except FileNotFoundError as error:
            raise RecipeError(f"{path}: no such recipe; docs/models.md shows one") from error
        except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            raise RecipeError(f"{path}: {error}") from error


def digests(data: Path, names: Iterable[str]) -> dict[str, str]:
    """Raises RecipeError for a file that is not there."""
    result = {}
    for name in names:
        path = data / name
        if not path.is_file():
            raise RecipeError(f"{path}: the recipe learns from it, and it is not there")
        result[name] = sha256_of(path)
    return result
