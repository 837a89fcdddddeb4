"""The components of a bundle, one function each: learn by the recipe, write the file, say what came of it."""

from __future__ import annotations

import importlib
import re
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
import torch
from torch import Tensor, nn

from pipeline.models import annotating, reader, weights
from pipeline.models.bundle import Training, sha256_of
from pipeline.models.dictionary import STEMS
from pipeline.models.encoder import Embeddings, Shape, from_pretrained
from pipeline.models.lexicon import Lexicon
from pipeline.models.neural import EMBEDDINGS, PIECES
from pipeline.models.pack import TRAINING
from pipeline.models.pieces import Pieces
from pipeline.models.semantics import Semantics
from pipeline.models.stanza_models import open_tokenizer
from pipeline.models.syntax import Syntax
from pipeline.models.train import calibration, examples, labelled, loop
from pipeline.models.train.dictionary import compile_dictionary
from pipeline.models.train.loop import Run, Tell
from pipeline.models.train.recipe import Recipe, RecipeError, digests
from pipeline.models.train.semantics import Examples, SemanticsTask
from pipeline.models.train.syntax import SyntaxTask, documents_of, inventory_of, treebanks_of
from pipeline.models.train.tokenizer import own_paragraphs, train_tokenizer
from pipeline.models.train.treebank import own_trees, read_trees
from pipeline.models.train.written import read_sentences, read_written

TOKENIZER = "tokenize.pt"
Header = TypeVar("Header", bound=msgspec.Struct)
# Letters, with apostrophes and hyphens within.
_WORD = re.compile(r"[^\W\d_]+(?:['’ʼ-][^\W\d_]+)*")


class Workshop(NamedTuple):
    """Where one training takes place."""

    recipe: Recipe
    data: Path
    encoder: Path  # a BERT in the Hugging Face layout, with its tokenizer.json
    bundle: Path  # the folder the files are written to
    runs: Path  # checkpoints and logs
    device: str
    tell: Tell
    begin: Path | None = None  # a bundle's folder: its weights are learned on from, instead of the encoder's

    @property
    def language(self) -> str:
        return self.recipe.language

    @property
    def texts(self) -> labelled.Texts:
        return labelled.Texts(self.data, self.recipe.texts)

    def paths(self, names: Sequence[str]) -> list[Path]:
        return [self.data / name for name in names]

    def run(self, name: str, epochs: int, rates: loop.Rates) -> Run:
        return Run(self.runs / name, epochs, self.recipe.seed, rates, self.device, score_every=1)

    def earlier(self, file: str, header: type[Header]) -> tuple[dict[str, Tensor], Header] | None:
        """The weights that are learned on from, and what they are for."""
        return weights.load(self.begin / file, header) if self.begin else None

    def digests(self, names: Sequence[str], file: str) -> dict[str, str]:
        """Of the data, and of the earlier `file`, where one is learned on from."""
        earlier = digests(self.begin, [file]) if self.begin else {}
        return digests(self.data, names) | {f"begun with {name}": digest for name, digest in earlier.items()}


def pieces(workshop: Workshop) -> Training:
    """The vocabulary and the embeddings, as they come with the encoder."""
    begun = time.monotonic()
    embeddings, _ = from_pretrained(workshop.encoder, 0)
    shutil.copyfile(workshop.encoder / "tokenizer.json", workshop.bundle / PIECES)
    weights.save(workshop.bundle / EMBEDDINGS, embeddings.state_dict(), _shape(embeddings, 0))
    return Training({}, {}, (time.monotonic() - begun) / 60, "cpu", ())


def tokenizer(workshop: Workshop) -> Training:
    recipe, begun = workshop.recipe.tokenizer, time.monotonic()
    found = digests(workshop.data, [*recipe.treebanks, *recipe.chosen_by]) | _labels(recipe.own_trees)
    library = workshop.texts.library
    model = train_tokenizer(
        workshop.paths(recipe.treebanks),
        [each for labels in recipe.own_trees for each in own_paragraphs(labelled.OWN / labels, library)],
        workshop.paths(recipe.chosen_by),
        recipe.settings,
        workshop.runs / "tokenizer",
        workshop.language,
        workshop.recipe.seed,
    )
    stored = torch.load(model, weights_only=True)
    # In half precision, which reads the same and takes half the space; Stanza computes in what it always does.
    stored["model"] = {name: weight.half() for name, weight in stored["model"].items()}
    torch.save(stored, workshop.bundle / TOKENIZER)
    return Training(msgspec.to_builtins(recipe.settings), found, (time.monotonic() - begun) / 60, "cpu", ())


def lexicon(workshop: Workshop) -> Training:
    recipe, begun = workshop.recipe.lexicon, time.monotonic()
    texts = sorted({str(path.relative_to(workshop.data)) for name in recipe.texts for path in workshop.data.glob(name)})
    found = digests(workshop.data, [*recipe.treebanks, *texts])
    tagged = (
        (form, tag.partition("|")[0], lemma)
        for path in workshop.paths(recipe.treebanks)
        for tree in read_trees(path)
        for form, tag, lemma in zip(tree.forms, tree.tags, tree.lemmas, strict=True)
    )
    words = (
        word for path in workshop.paths(texts) for text in labelled.read_texts(path) for word in _WORD.findall(text)
    )
    Lexicon.of(tagged, words).save(workshop.bundle / annotating.LEXICON)
    return Training(msgspec.to_builtins(recipe), found, (time.monotonic() - begun) / 60, "cpu", ())


def dictionary(workshop: Workshop) -> Training:
    recipe, begun = workshop.recipe.dictionary, time.monotonic()
    if recipe is None:
        raise RecipeError("the recipe has no part [dictionary], which names the package it is made from")
    try:
        source = Path(importlib.import_module(recipe.package).get_path())
    except ImportError as error:
        raise RecipeError(
            f"the dictionary is made from the package {recipe.package}, which is not installed"
        ) from error
    found = {f"{recipe.package}/{path.name}": sha256_of(path) for path in sorted(source.glob("*")) if path.is_file()}
    compile_dictionary(source, workshop.bundle)
    return Training(msgspec.to_builtins(recipe), found, round((time.monotonic() - begun) / 60, 1), "cpu", ())


def syntax(workshop: Workshop) -> Training:
    recipe = workshop.recipe.syntax
    files = [name for names in (*recipe.treebanks.values(), *recipe.chosen_by.values()) for name in names]
    found = workshop.digests(files, annotating.FILE) | _labels(recipe.own_trees.values())
    treebanks = treebanks_of({name: workshop.paths(own) for name, own in recipe.treebanks.items()})
    inventory = inventory_of(treebanks)
    library = workshop.texts.library
    for name, labels in recipe.own_trees.items():
        treebanks[name] += own_trees(labelled.OWN / labels, library)
    embeddings, start = from_pretrained(workshop.encoder, recipe.settings.layers)
    shape = _shape(embeddings, recipe.settings.layers, recipe.settings.by_word)
    torch.manual_seed(workshop.recipe.seed)
    model = Syntax(shape, inventory, recipe.settings.dropout)
    model.encoder.load_state_dict(start)
    if earlier := workshop.earlier(annotating.FILE, annotating.About):
        stored, told = earlier
        _expect(told.shape == shape and told.inventory == inventory, workshop)
        model.load_state_dict(stored)
    _prepare(model, embeddings, workshop.device)
    task = SyntaxTask(
        model,
        inventory,
        embeddings,
        Pieces(workshop.encoder / "tokenizer.json"),
        treebanks,
        documents_of({name: workshop.paths(own) for name, own in recipe.chosen_by.items()}),
        recipe.settings,
        workshop.device,
    )
    run = workshop.run("syntax", recipe.epochs, recipe.rates)
    curve = loop.train(model, task, run, [recipe, workshop.recipe.texts, found], workshop.tell)
    about = annotating.About(shape, inventory, recipe.keep_whole)
    weights.save(workshop.bundle / annotating.FILE, model.cpu().state_dict(), about)
    return _trained(recipe, found, curve, workshop.device)


def semantics(workshop: Workshop) -> Training:
    recipe = workshop.recipe.semantics
    if recipe is None:
        raise RecipeError("the recipe has no part [semantics]: names, tone and topics are not learned by it")
    files = filter(None, [recipe.names, recipe.tones, recipe.topics, recipe.taxonomy])
    found = workshop.digests([*files], reader.FILE) | _labels(recipe.labels)
    cutter, texts = open_tokenizer(workshop.bundle / TOKENIZER, workshop.language), workshop.texts
    written = read_written(labelled.OWN / recipe.written) if recipe.written else []
    named = read_sentences(labelled.OWN / recipe.written_names) if recipe.written_names else []
    names, scored_names = examples.names(cutter, recipe, texts, [*written, *named * recipe.written_names_times])
    labels, topics = examples.labels(recipe, workshop.data, names)
    tones, scored_tones = examples.tones(cutter, recipe, texts, written)
    passages, scored_passages = examples.passages(cutter, recipe, texts, labels.topics, written)
    embeddings, start = from_pretrained(workshop.encoder, recipe.settings.layers)
    shape = _shape(embeddings, recipe.settings.layers, recipe.settings.by_word)
    torch.manual_seed(workshop.recipe.seed)
    model = Semantics(shape, labels, recipe.settings.dropout)
    model.encoder.load_state_dict(start)
    if earlier := workshop.earlier(reader.FILE, reader.About):
        stored, told_of = earlier
        _expect(told_of.shape == shape and told_of.labels == labels, workshop)
        model.load_state_dict(stored)
    _prepare(model, embeddings, workshop.device)
    chosen_by = Examples(scored_names, scored_tones, scored_passages)
    task = SemanticsTask(
        model,
        labels,
        embeddings,
        Pieces(workshop.encoder / "tokenizer.json"),
        Examples(names, tones, passages),
        chosen_by,
        recipe.settings,
        recipe.tone_weights,
        workshop.device,
    )
    run = workshop.run("semantics", recipe.epochs, recipe.rates)
    curve = loop.train(model, task, run, [recipe, workshop.recipe.texts, found], workshop.tell)
    told, true = task.finish(workshop.recipe.seed)
    topics = calibration.thresholds(topics, told, true)
    about = reader.About(shape, labels, tuple(topics))
    weights.save(workshop.bundle / reader.FILE, model.cpu().state_dict(), about)
    return _trained(recipe, found, curve, workshop.device)


def _labels(names: Iterable[str]) -> dict[str, str]:
    """Digests of the project's own labels."""
    return {f"labels/{name}": digest for name, digest in digests(labelled.OWN, names).items()}


# In the order in which they can be made: the last cuts its texts with the tokenizer of the bundle.
COMPONENTS: dict[str, Callable[[Workshop], Training]] = {
    "pieces": pieces,
    "tokenizer": tokenizer,
    "lexicon": lexicon,
    "dictionary": dictionary,
    "syntax": syntax,
    "semantics": semantics,
}
# The file of each whose making the manifest tells.
FILES = {
    "pieces": EMBEDDINGS,
    "tokenizer": TOKENIZER,
    "lexicon": annotating.LEXICON,
    "dictionary": STEMS,
    "syntax": annotating.FILE,
    "semantics": reader.FILE,
}


def make(name: str, workshop: Workshop) -> None:
    """Make one component, and note in the bundle's folder how it was made, for `efir models pack`."""
    workshop.bundle.mkdir(parents=True, exist_ok=True)
    trained = COMPONENTS[name](workshop)
    path = workshop.bundle / TRAINING
    known = msgspec.json.decode(path.read_bytes()) if path.exists() else {}
    known[FILES[name]] = msgspec.to_builtins(trained)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(known), indent=1) + b"\n")


def _expect(is_alike: bool, workshop: Workshop) -> None:
    if not is_alike:
        raise RecipeError(
            f"{workshop.begin}: its layers or what it tells (tags, lemmas, relations, types, topics) are not those of "
            "this recipe and data, so it cannot be learned on from; leave --begin out"
        )


def _shape(embeddings: Embeddings, layers: int, by_word: int = 0) -> Shape:
    table = embeddings.pieces.weight
    return Shape(layers, by_word, width=table.shape[1], pieces=len(table))


def _prepare(model: nn.Module, embeddings: Embeddings, device: str) -> None:
    """The pretrained part in what is fast; what begins at random in single precision."""
    encoder = model.encoder
    assert isinstance(encoder, nn.Module)
    encoder.to(loop.precision(device))
    embeddings.to(loop.precision(device)).to(device)
    model.to(device)


def _trained(recipe: msgspec.Struct, found: dict[str, str], curve: list[dict[str, float]], device: str) -> Training:
    settings = msgspec.to_builtins(recipe)
    return Training(settings, found, round(curve[-1]["minutes"], 1) if curve else 0.0, device, tuple(curve))
