"""Runbooks can be followed: every command in them exists, with its options."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.deploy import promql
from tests.deploy.commands import follow

FOLDER = promql.ROOT / "docs" / "runbooks"
PAGES = sorted(FOLDER.glob("*.md"))
_BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`(efir [^`]+)`")


def commands(page: Path) -> list[list[str]]:
    text = page.read_text()
    lines = [line.strip() for block in _BLOCK.findall(text) for line in block.splitlines()]
    assert all(line.startswith("efir ") for line in lines), f"{page.name}: a block has a line that is no efir command"
    return [shlex.split(line) for line in [*lines, *_INLINE.findall(text)]]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_exists(page: Path) -> None:
    for words in commands(page):
        if "..." not in words:
            follow(words)


@pytest.mark.parametrize("name", promql.alerts())
def test_a_runbook_says_what_it_means_how_to_look_and_what_to_do(name: str) -> None:
    text = (FOLDER / f"{name}.md").read_text()
    severity = promql.alerts()[name]["labels"]["severity"]
    assert text.startswith(f"# {name}\n\n*{severity}*\n\n")
    assert "\n## How to look\n" in text and "\n## What to do\n" in text
    assert commands(FOLDER / f"{name}.md"), "a runbook without a command helps nobody at night"


def test_every_page_belongs_to_an_alert_and_links_lead_somewhere() -> None:
    assert {page.stem for page in PAGES} == {"README", *promql.alerts()}
    index = (FOLDER / "README.md").read_text()
    assert all(f"({name}.md)" in index for name in promql.alerts())
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert (FOLDER / link).is_file(), f"{page.name}: {link}"
