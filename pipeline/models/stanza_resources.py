"""What Stanza has published for a language: its list of resources, and which files of it a bundle is made of.

The list (`resources_{version}.json`, by stanza/resources/prepare_resources.py) has an entry a language: models by
processor and name with their MD5 and what they depend on, and packages, which name a model for each processor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from pipeline.models.bundle import Processor, Role

_PARSE: tuple[Processor, ...] = ("tokenize", "mwt", "pos", "lemma", "depparse")
# Where the list says `identity`, the lemma is the form and there is no model.
_IDENTITY = "identity"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_MD5 = re.compile(r"[0-9a-f]{32}")
# The list has half a megabyte.
MOST_BYTES = 20_000_000
_MOST_ALIASES = 5


class ResourcesError(Exception):
    """The list cannot be read or has not what is wanted; the message says what there is."""


class Wanted(NamedTuple):
    """One file: `kind` is a processor or what one depends on, `package` its name."""

    kind: str
    package: str
    md5: tuple[str, ...]  # any of these; the second, of an older file that serves as well, is rarely there

    @property
    def remote(self) -> str:
        return f"{self.kind}/{self.package}.pt"

    @property
    def name(self) -> str:
        """What the file is called in a bundle."""
        return f"stanza-{self.kind}-{self.package}.pt"


class Plan(NamedTuple):
    """What to fetch for a language, and which processor loads what (file names as in the bundle)."""

    language: str  # as asked for, when that is ISO 639-1
    stanza_language: str
    language_name: str
    package: str
    files: tuple[Wanted, ...]
    processors: dict[Processor, dict[Role, str]]
    models: dict[Processor, str]  # the model's name
    url: str  # with {lang}, {resources_version} and {filename}

    @property
    def parts(self) -> dict[str, tuple[str, ...]]:
        """Stage -> its files."""
        ner = self.processors.get("ner", {})
        parse = dict.fromkeys(name for part in _PARSE for name in self.processors.get(part, {}).values())
        return {"parse": tuple(parse)} | ({"entities": tuple(dict.fromkeys(ner.values()))} if ner else {})


class _Dependency(msgspec.Struct):
    model: Role
    package: str


class _Model(msgspec.Struct):
    md5: str
    dependencies: tuple[_Dependency, ...] = ()
    alternate_md5: str | None = None


def plan(data: bytes, language: str, package: str = "default") -> Plan:
    """What Stanza's `package` for `language` is made of. Entities are the default package's where it has none."""
    try:
        resources = msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ResourcesError(f"Stanza's list of resources is not JSON of the kind that is known: {error}") from error
    code, entry = _entry(resources, language)
    packages = entry.get("packages", {})
    if package not in packages:
        there = ", ".join(sorted(packages)) or "none"
        raise ResourcesError(f"Stanza has no package {package!r} for {language!r}; there are {there}")
    chosen = dict(packages[package])
    chosen.setdefault("ner", packages.get("default", {}).get("ner"))
    chosen.setdefault("lemma", _IDENTITY)
    files: dict[str, Wanted] = {}
    processors: dict[Processor, dict[Role, str]] = {}
    models: dict[Processor, str] = {}
    for part in (*_PARSE, "ner"):
        name = _first(chosen.get(part))
        if name is None and part in {"tokenize", "pos", "depparse"}:
            raise ResourcesError(f"Stanza's package {package!r} for {language!r} has no model for {part}")
        if name is None:
            continue
        models[part] = name
        processors[part] = {}
        if part == "lemma" and name == _IDENTITY:
            continue
        for role, wanted in _with_dependencies(entry, part, name):
            files[wanted.name] = wanted
            processors[part][role] = wanted.name
    return Plan(
        language=language if len(language) == 2 else code,
        stanza_language=code,
        language_name=str(entry.get("lang_name", code)).replace("_", " "),
        package=package,
        files=tuple(files.values()),
        processors=processors,
        models=models,
        url=str(resources.get("url", "")),
    )


def languages(resources: dict[str, Any]) -> list[str]:
    """The codes of the list, without their other names."""
    return sorted(code for code, entry in resources.items() if isinstance(entry, dict) and "packages" in entry)


def _entry(resources: dict[str, Any], language: str) -> tuple[str, dict[str, Any]]:
    code = language
    for _ in range(_MOST_ALIASES):
        entry = resources.get(code)
        if not isinstance(entry, dict) or not _NAME.fullmatch(code):
            break
        if "alias" not in entry:
            return code, entry
        code = str(entry["alias"])
    there = ", ".join(languages(resources)) or "none"
    raise ResourcesError(f"Stanza has nothing for the language {language!r}; there are {there}")


def _first(name: Any) -> str | None:
    """Entities may be found by several models in turn; the first is the language's own."""
    if isinstance(name, list):
        name = name[0] if name else None
    return name if isinstance(name, str) else None


def _with_dependencies(entry: dict[str, Any], part: Processor, name: str) -> Iterator[tuple[Role, Wanted]]:
    model = _model(entry, part, name)
    yield "model", _wanted(part, name, model)
    for dependency in model.dependencies:
        found = _model(entry, dependency.model, dependency.package)
        yield dependency.model, _wanted(dependency.model, dependency.package, found)


def _model(entry: dict[str, Any], kind: str, name: str) -> _Model:
    try:
        return msgspec.convert(entry[kind][name], type=_Model)
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise ResourcesError(f"Stanza's list of resources does not describe {kind} {name!r}: {error}") from error


def _wanted(kind: str, package: str, model: _Model) -> Wanted:
    digests = tuple(filter(None, (model.md5, model.alternate_md5)))
    # They become names of files and parts of addresses.
    if not _NAME.fullmatch(package) or not all(map(_MD5.fullmatch, digests)):
        raise ResourcesError(f"Stanza's list of resources has a name or a digest that is none: {kind} {package!r}")
    return Wanted(kind, package, digests)
