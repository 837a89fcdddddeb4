"""A bundle from the files that Stanza publishes: what it says of them, and the trial that shows that they run.

Sentiment and topics have no model there: their files are those of another bundle of the language. Where there is none,
the bundle lacks these stages until they are trained.
"""

from __future__ import annotations

import json
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pipeline import graph
from pipeline.artifact import Content
from pipeline.models.bundle import Bundle, BundleError, ModelFile
from pipeline.models.pack import pack
from pipeline.models.stanza_facts import fact_of, types_of, what_is
from pipeline.models.stanza_resources import Plan
from pipeline.transcript import Document

_TRIAL_WORDS = 20


class Origin(NamedTuple):
    """What the downloaded files are from."""

    plan: Plan
    release: str  # of Stanza's resources, such as 1.15.0


def assemble(folder: Path, name: str, origin: Origin, classifiers: Bundle | None) -> Bundle:
    """Make `folder`, which holds the plan's files, a bundle, and try it. Raises BundleError when it does not run."""
    taken = _take(classifiers, folder) if classifiers else {}
    script = classifiers.manifest.script if classifiers else "LATIN"
    _describe(folder, name, origin, classifiers, taken, script, {})
    known = _try(pack(folder))
    if known.entity_types or (known.script != script and not classifiers):
        script = script if classifiers else known.script
        _describe(folder, name, origin, classifiers, taken, script, known.entity_types)
    return pack(folder)


def taken_stages(classifiers: Bundle) -> tuple[str, ...]:
    """The stages that Stanza has no models of, and `classifiers` has."""
    return tuple(stage for stage in ("sentiment", "topics") if classifiers.manifest.stages.get(stage))


class _Known(NamedTuple):
    """What the models themselves tell."""

    script: str
    entity_types: dict[str, str]


def _take(classifiers: Bundle, folder: Path) -> dict[str, ModelFile]:
    """Copy the files of the other stages, verified."""
    taken: dict[str, ModelFile] = {}
    for stage in taken_stages(classifiers):
        for name in classifiers.manifest.stages[stage]:
            if name not in taken:
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(classifiers.path(name), target)
                taken[name] = classifiers.manifest.files[name]
    for name, file in taken.items():
        if (folder / name).stat().st_size != file.size:
            raise BundleError(f"{classifiers.path(name)} is not what its manifest promises: efir models verify")
    return taken


def _describe(
    folder: Path,
    name: str,
    origin: Origin,
    classifiers: Bundle | None,
    taken: Mapping[str, ModelFile],
    script: str,
    entity_types: Mapping[str, str],
) -> None:
    """Write bundle.toml."""
    plan = origin.plan
    stages = dict(plan.parts)
    if classifiers:
        stages |= {stage: classifiers.manifest.stages[stage] for stage in taken_stages(classifiers)}
    lines = [
        f"# Stanza's models for {plan.language_name}, package {plan.package}, fetched {datetime.now(UTC):%Y-%m-%d}.",
        *_pairs(
            ("name", name),
            ("language", plan.language),
            ("script", script),
            ("version", origin.release),
            ("stanza", origin.release),
        ),
        "\n[stages]",
        *_pairs(*((stage, stages[stage]) for stage in graph.STAGES if stage in stages)),
    ]
    for part, roles in plan.processors.items():
        lines += [f"\n[processors.{part}]", *_pairs(*roles.items())]
    if entity_types:
        lines += ["\n[entity_types]", *_pairs(*entity_types.items())]
    for wanted in plan.files:
        fact = fact_of(plan, wanted)
        lines += _file(wanted.name, what_is(wanted), (fact.trained_on,), fact.licence)
    for each, file in taken.items():
        lines += _file(each, file.what, file.trained_on, file.licence)
    lines += ["\n[scores]", ""]
    (folder / "bundle.toml").write_text("\n".join(lines), encoding="utf-8")


def _file(name: str, what: str, trained_on: Iterable[str], licence: str) -> Iterator[str]:
    yield f"\n[files.{_quoted(name)}]"
    yield from _pairs(("what", what), ("trained_on", trained_on), ("licence", licence))


def _pairs(*pairs: tuple[str, str | Iterable[str]]) -> Iterator[str]:
    for key, value in pairs:
        written = _quoted(value) if isinstance(value, str) else f"[{', '.join(map(_quoted, value))}]"
        yield f"{key if key.isidentifier() and key.isascii() else _quoted(key)} = {written}"


def _quoted(text: str) -> str:
    """A string of JSON is one of TOML, but for a character that JSON lets stand."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _try(bundle: Bundle) -> _Known:
    """Run every stage that the bundle has over words of its own vectors."""
    # torch and Stanza, which only a trial needs here.
    from pipeline.models.neural import NeuralModels  # noqa: PLC0415
    from pipeline.models.stanza_models import StanzaAnnotator  # noqa: PLC0415
    from pipeline.stages import Subject, open_stage  # noqa: PLC0415

    models = NeuralModels(bundle)
    try:
        letters = models.tokenizer.letters
        assert isinstance(models.annotator, StanzaAnnotator)
        pretrain = models.annotator.processors[-3].pretrain  # the tagger's
        words = [word for word in islice(pretrain.vocab._id2unit if pretrain else letters, 500) if word.isalpha()]
        text = " ".join(words[:_TRIAL_WORDS]) + "."
        now = datetime.now(UTC)
        document = Document(
            id="trial", source="trial", language=bundle.language, published=now, ingested=now, text=text
        )
        said: dict[str, Content] = {}
        for stage in graph.STAGES:
            if stage not in bundle.lacks:
                (said[stage],) = open_stage(stage, bundle, models).run([Subject(document, said)])
        types = models.tagger.types if "entities" in said else []
    except BundleError:
        raise
    except Exception as error:  # whatever a stranger's file makes torch and Stanza raise
        raise BundleError(
            f"the models do not run with this release of Efir ({type(error).__name__}: {error})"
        ) from error
    scripts = Counter(unicodedata.name(each).split()[0] for each in letters if len(each) == 1 and each.isalpha())
    return _Known(scripts.most_common(1)[0][0] if scripts else "LATIN", types_of(list(types)))
