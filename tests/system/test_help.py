"""What a newcomer reads first."""

import os
import subprocess

import pytest

from pipeline.models.bundle import SHIPPED
from pipeline.models.shelf import Shelf
from tests.system.conftest import EFIR

COMMANDS = [
    *("run", "ingest", "show", "feeds", "up", "worker", "dispatcher", "exporter", "api", "status"),
    *("reprocess", "campaigns", "queue", "quarantine", "models"),
]


@pytest.mark.parametrize(
    "command", [[], *([name] for name in COMMANDS), *(["models", name] for name in ("ls", "verify", "download"))]
)
def test_every_command_explains_itself(command: list[str]) -> None:
    done = subprocess.run([EFIR, *command, "--help"], capture_output=True, text=True, timeout=120, check=True)
    assert "Usage: efir" in done.stdout
    if not command:
        assert all(name in done.stdout for name in COMMANDS)


def test_models_are_listed_with_their_licences_and_verified() -> None:
    listed = subprocess.run([EFIR, "models", "ls"], capture_output=True, text=True, timeout=120, check=True)
    assert "CC BY-NC-SA 4.0" in listed.stdout and "syntax.safetensors" in listed.stdout
    assert "commercial use is allowed" in " ".join(listed.stdout.split())
    verified = subprocess.run([EFIR, "models", "verify"], capture_output=True, text=True, timeout=120, check=True)
    said = [line.split() for line in verified.stdout.splitlines()]
    files = {
        f"{name}/{file}" for name, bundle in Shelf((SHIPPED,), {}).bundles().items() for file in bundle.manifest.files
    }
    assert {result for result, _ in said} == {"ok"} and {file for _, file in said} == files


def refused(*arguments: str, **environment: str) -> str:
    """What a command that cannot run says on standard error."""
    done = subprocess.run(
        [EFIR, *arguments], capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **environment}
    )
    assert done.returncode == 2
    return done.stderr


def test_half_a_configuration_is_explained() -> None:
    assert "EFIR_STORE_ENDPOINT is not set" in refused("status", EFIR_BROKER_URL="redis://localhost")


def test_a_wrong_setting_is_named() -> None:
    assert "EFIR_LOG_LEVEL" in refused("status", EFIR_LOG_LEVEL="LOUD")


def test_a_stage_that_does_not_exist_is_named() -> None:
    assert "poetry" in refused("worker", "-Q", "parse,poetry")
