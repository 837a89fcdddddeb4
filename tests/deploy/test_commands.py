"""What all three ways of deploying have in common: commands and settings that exist, and time to stop in."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from pipeline.graph import STAGES
from services.settings import Settings
from tests.deploy.repository import (
    BATCH_SECONDS,
    KUBERNETES,
    REPOSITORY,
    SETTINGS,
    SYSTEMD,
    compose,
    kustomized,
    run,
    seconds,
    units,
)

ROLES = {"efir worker", "efir api", "efir feeds run", "efir dispatcher", "efir exporter"}
FILES = [
    REPOSITORY / "docker-compose.yml",
    REPOSITORY / ".env.example",
    *(
        path
        for folder in (SYSTEMD, KUBERNETES)
        for path in folder.rglob("*")
        if path.suffix != ".pyc" and path.is_file()
    ),
]


def containers() -> Iterator[tuple[str, dict[str, Any]]]:
    for each in kustomized(KUBERNETES / "example"):
        if each["kind"] in {"Deployment", "StatefulSet"}:
            for container in each["spec"]["template"]["spec"]["containers"]:
                yield each["metadata"]["name"], container


def command_lines() -> dict[str, list[str]]:
    """Where -> the command of Efir that is run there."""
    found = {f"compose: {name}": service["command"] or [""] for name, service in compose()["services"].items()}
    found |= {f"kubernetes: {name}": container["args"] for name, container in containers()}
    found |= {f"systemd: {name}": shlex.split(unit["ExecStart"][0]) for name, unit in units().items()}
    return {where: ["efir", *line[1:]] for where, line in found.items() if Path(line[0]).name == "efir"}


def words(line: list[str]) -> str:
    """The command without its options."""
    return " ".join(takewhile(lambda word: not word.startswith("-"), line))


@pytest.mark.parametrize("command", sorted(ROLES | {"efir up"}))
def test_every_command_is_one_of_efir(command: str) -> None:
    options = {
        word for line in command_lines().values() if words(line) == command for word in line if word.startswith("-")
    }
    done = run([Path(sys.executable).parent / "efir", *command.split()[1:], "--help"])
    assert done.returncode == 0, done.stderr
    assert all(re.search(rf"(?<![\w-]){re.escape(option)}\b", done.stdout) for option in options)


@pytest.mark.parametrize("way", ["compose", "kubernetes", "systemd"])
def test_every_way_runs_every_role_and_serves_every_stage(way: str) -> None:
    lines = [line for where, line in command_lines().items() if where.startswith(way)]
    assert {words(line) for line in lines} - {"efir up"} == ROLES
    workers = [line for line in lines if words(line) == "efir worker"]
    served = {line[line.index("-Q") + 1] if "-Q" in line else ",".join(STAGES) for line in workers}
    if way == "systemd":
        assert served == {"${STAGES}"}
        files = SYSTEMD.glob("worker-*.env")
        served = {
            line.removeprefix("STAGES=") for path in files for line in path.read_text().splitlines() if "S=" in line
        }
    assert ",".join(STAGES) in served  # one reading of a text for all that is told of it
    # And, where Kubernetes is patched for it, parsing can be scaled apart from what follows.
    apart = {"parse", "entities,sentiment,topics"} if way != "kubernetes" else set()
    assert served - {",".join(STAGES)} == apart


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_variable_is_a_setting(path: Path) -> None:
    assert set(re.findall(r"\bEFIR_[A-Z0-9_]*[A-Z0-9]", path.read_text())) <= SETTINGS


def test_a_stopping_worker_gets_longer_than_the_longest_batch() -> None:
    graces = {
        f"compose: {name}": (seconds(service["stop_grace_period"]), float(service["environment"]["EFIR_STOP_SECONDS"]))
        for name, service in compose()["services"].items()
        if "worker" in (service["command"] or [])
    }
    settings = dict(
        line.split("=", 1) for line in (KUBERNETES / "base" / "settings.env").read_text().splitlines() if line
    )
    for each in kustomized(KUBERNETES / "base"):
        if each["kind"] == "Deployment" and "worker" in each["spec"]["template"]["spec"]["containers"][0]["args"]:
            grace = each["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
            graces[f"kubernetes: {each['metadata']['name']}"] = (grace, float(settings["EFIR_STOP_SECONDS"]))
    for name in ("efir-worker@.service", "efir-embedded.service"):
        unit = units()[name]
        (stop,) = [each for each in unit["Environment"] if each.startswith("EFIR_STOP_SECONDS=")]
        graces[f"systemd: {name}"] = (float(unit["TimeoutStopSec"][0]), float(stop.partition("=")[2]))
    assert len(graces) == 6
    for where, (grace, stop_seconds) in graces.items():
        assert stop_seconds >= BATCH_SECONDS, where
        assert grace >= stop_seconds + 20, where
    # The embedded one stops its servers after its worker, ten seconds each.
    assert graces["systemd: efir-embedded.service"][0] >= graces["systemd: efir-embedded.service"][1] + 30


def test_the_sum_is_the_one_that_the_comments_tell() -> None:
    assert BATCH_SECONDS == 210
    assert Settings.model_fields["batch_characters"].default == 40_000
