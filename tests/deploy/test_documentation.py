"""What the documentation tells to type exists: commands with their options, settings, make's targets, other pages."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.commands import follow
from tests.deploy.repository import REPOSITORY, SETTINGS

PAGES = [
    REPOSITORY / "README.md",
    *sorted((REPOSITORY / "docs").glob("*.md")),
    *sorted((REPOSITORY / "docs" / "runbooks").glob("*.md")),
]
# An indented line, whatever stands before the program: a path, or what runs it elsewhere.
_ELSEWHERE = r"(?:docker compose (?:run --rm|exec) \S+ |kubectl .* -- |sudo -u efir )"
_LINE = re.compile(rf"^ {{4}}{_ELSEWHERE}?(?:\S*/)?efir ((?:-|[a-z]).*)$", re.MULTILINE)
_INLINE = re.compile(r"`efir ([a-z][^`\n]*)`")
_MAKE = re.compile(r"(?:^ {4}|`)make ([a-z-]+)", re.MULTILINE)
_TARGETS = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))


def commands(text: str) -> Iterator[list[str]]:
    """Without comments, pipes and redirections; `[--option X]` is an option, and of `A | B` the first is read."""
    for line in [*_LINE.findall(text), *_INLINE.findall(text)]:
        typed = re.split(r"\s+#|\s[|>]\s|\.\.\.", line)[0]
        yield ["efir", *shlex.split(re.sub(r"[\[\]]", " ", typed))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_exists(page: Path) -> None:
    for words in commands(page.read_text()):
        follow(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_target_of_make_exists(page: Path) -> None:
    assert set(_MAKE.findall(page.read_text())) <= _TARGETS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_variable_is_a_setting(page: Path) -> None:
    # Kubernetes' own EFIR_API_PORT=tcp://... is what deploy.md warns of.
    assert set(re.findall(r"\bEFIR_[A-Z0-9_]*[A-Z0-9]\b(?!=tcp)", page.read_text())) <= SETTINGS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_picture_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_commands_are_found_wherever_they_stand() -> None:
    text = """
    efir queue ls          # what waits
    .venv/bin/efir run a.txt
    docker compose exec worker efir status
    kubectl --namespace efir exec deploy/efir-worker -- efir config check
    kubectl --namespace efir create secret generic efir-secrets
    efir quarantine replay ID | --all
It is told by `efir recover --dry-run`.
"""
    assert [words[1:] for words in commands(text)] == [
        ["queue", "ls"], ["run", "a.txt"], ["status"], ["config", "check"], ["quarantine", "replay", "ID"],
        ["recover", "--dry-run"],
    ]  # fmt: skip


def test_a_command_that_does_not_exist_is_found() -> None:
    with pytest.raises(AssertionError, match="sing"):
        follow(["efir", "queue", "sing"])
    with pytest.raises(AssertionError, match="--loud"):
        follow(["efir", "status", "--loud"])
