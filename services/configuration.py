"""The settings as they are described, in docs/configuration.md, and as they are, with where each value is from.

`python -m services.configuration > docs/configuration.md`; a test fails when the two differ.
"""

from __future__ import annotations

import inspect
import os
import re
import types
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin
from urllib.parse import urlsplit

import annotated_types
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from services.settings import SECRETS, Settings

# Read before there are settings (services/settings.py).
SECRETS_VARIABLE = "EFIR_SECRETS_DIR"
_PREFIX = "EFIR_"
_ROOT = Path(__file__).parents[1]
_TOPIC = re.compile(r"    ## (.+)")
_FIELD = re.compile(r"    (\w+): ")
_TYPES = {bool: "yes or no", int: "whole number", float: "number", str: "text", Path: "path", SecretStr: "secret text"}
_BOUNDS: dict[type, str] = {
    annotated_types.Gt: "> {0.gt:,}",
    annotated_types.Ge: "≥ {0.ge:,}",
    annotated_types.Lt: "< {0.lt:,}",
    annotated_types.Le: "≤ {0.le:,}",
}


class Setting(NamedTuple):
    """One row of the reference."""

    topic: str
    variable: str
    kind: str
    default: str
    bounds: str
    description: str


class Effective(NamedTuple):
    """A setting's value, safe to be shown, and where it comes from."""

    variable: str
    value: str
    origin: str


class Stray(NamedTuple):
    """A variable, or a file among the secrets, that no setting has; `meant` is the one most like it."""

    name: str
    meant: str | None


def variable(field: str) -> str:
    return _PREFIX + field.upper()


def reference() -> Iterator[Setting]:
    """Every setting, in the order of the class."""
    topics = _topics()
    for name, field in Settings.model_fields.items():
        yield Setting(
            topics[name],
            variable(name),
            _kind(field.annotation),
            _default(field),
            ", ".join(_BOUNDS[type(bound)].format(bound) for bound in field.metadata if type(bound) in _BOUNDS),
            field.description or "",
        )


def effective(settings: Settings, made: Mapping[str, str]) -> Iterator[Effective]:
    """Every setting as it is. `made` says of settings that are neither given nor a default where they come from."""
    given = {name.upper() for name in os.environ}
    for name, value in settings:
        file = SECRETS / variable(name).lower()
        if name in made:
            origin = made[name]
        elif variable(name) in given:
            origin = "environment"
        elif file.is_file():
            origin = str(file)
        else:
            origin = "default"
        yield Effective(variable(name), shown(value), origin)


def strays(environment: Mapping[str, str] = os.environ) -> Iterator[Stray]:
    """Variables and secrets that look like Efir's and are no setting: misspelt, or of another release."""
    known = [variable(name) for name in Settings.model_fields]
    names = [name for name in environment if name.upper().startswith(_PREFIX) and name.upper() != SECRETS_VARIABLE]
    if SECRETS.is_dir():
        names += [str(path) for path in SECRETS.iterdir() if path.name.upper().startswith(_PREFIX)]
    for name in sorted(names):
        wanted = Path(name).name.upper()
        if wanted not in known:
            yield Stray(name, next(iter(get_close_matches(wanted, known, n=1, cutoff=0.8)), None))


def shown(value: Any) -> str:
    """A value for people, without what is secret in it."""
    if value is None:
        return "(unset)"
    if isinstance(value, SecretStr):
        return _masked(value.get_secret_value())
    if isinstance(value, tuple | list | set | frozenset):
        return ", ".join(map(shown, value)) or "(empty)"
    return str(value) if str(value) else "(empty)"


def _masked(secret: str) -> str:
    """Of a URL, only the password is secret."""
    if "://" not in secret:
        return "********" if secret else "(empty)"
    url = urlsplit(secret)
    user, at, address = url.netloc.rpartition("@")
    name, colon, _ = user.partition(":")
    return url._replace(netloc=f"{name}{colon}{'********' if colon else ''}{at}{address}").geturl()


def _topics() -> dict[str, str]:
    """Field -> the topic it stands under, read from the comments of the class."""
    topic, found = "", {}
    for line in inspect.getsource(Settings).splitlines():
        if match := _TOPIC.fullmatch(line):
            topic = match[1]
        elif match := _FIELD.match(line):
            found[match[1]] = topic
    return found


def _kind(annotation: Any) -> str:
    if get_origin(annotation) in {Union, types.UnionType}:
        return " or ".join(_kind(each) for each in get_args(annotation) if each is not types.NoneType)
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{each}`" for each in get_args(annotation))
    if get_origin(annotation) in {tuple, list, set, frozenset}:
        return f"JSON list of {_kind(get_args(annotation)[0])}"
    return _TYPES.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, Path) and value.is_relative_to(_ROOT):
        value = value.relative_to(_ROOT)
    if value is None or shown(value) == "(empty)":
        return ""
    if isinstance(value, float):
        return f"{value:,g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else f"`{shown(value)}`"


def render() -> str:
    """docs/configuration.md."""
    lines = [
        "# Configuration",
        "",
        "Made from the settings class by `python -m services.configuration > docs/configuration.md`; do not edit it.",
        "",
        "Every setting is an environment variable. It may instead be a file named like its variable in lower case",
        f"(`efir_store_secret_key`) in the folder `{SECRETS_VARIABLE}`, by default `/run/secrets`, where Docker and",
        "Kubernetes put secrets; the environment goes before. Times are in seconds, sizes in bytes, unless said",
        "otherwise. An empty default is unset. `efir config show` prints what is in effect and where it comes from,",
        "`efir config check` tests it.",
    ]
    for topic, settings in groupby(reference(), lambda setting: setting.topic):
        lines += ["", f"## {topic}", "", "| variable | type | default | bounds | what |", "|---|---|---|---|---|"]
        for each in settings:
            cells = (f"`{each.variable}`", each.kind, each.default, each.bounds, each.description)
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(render(), end="")
