"""What a newcomer reads first."""

import subprocess

import pytest

from tests.system.conftest import EFIR

COMMANDS = ["run", "up", "worker", "ingest", "show", "status", "models"]


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS), ["models", "ls"], ["models", "verify"]])
def test_every_command_explains_itself(command: list[str]) -> None:
    done = subprocess.run([EFIR, *command, "--help"], capture_output=True, text=True, timeout=30, check=True)
    assert "Usage: efir" in done.stdout
    if not command:
        assert all(name in done.stdout for name in COMMANDS)


def test_models_are_listed_with_their_licences_and_verified() -> None:
    listed = subprocess.run([EFIR, "models", "ls"], capture_output=True, text=True, timeout=60, check=True)
    assert "CC BY-NC-SA 4.0" in listed.stdout and "depparse.pt" in listed.stdout
    verified = subprocess.run([EFIR, "models", "verify"], capture_output=True, text=True, timeout=60, check=True)
    assert [line.split()[0] for line in verified.stdout.splitlines()] == ["ok"] * 8


def test_half_a_configuration_is_explained() -> None:
    import os

    done = subprocess.run(
        [EFIR, "status"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "EFIR_BROKER_URL": "redis://localhost"},
    )
    assert done.returncode == 2
    assert "EFIR_STORE_ENDPOINT is not set" in done.stderr


def test_a_wrong_setting_is_named() -> None:
    import os

    done = subprocess.run(
        [EFIR, "status"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, "EFIR_LOG_LEVEL": "LOUD"},
    )
    assert done.returncode == 2
    assert "EFIR_LOG_LEVEL" in done.stderr


def test_a_stage_that_does_not_exist_is_named() -> None:
    done = subprocess.run(
        [EFIR, "worker", "-Q", "parse,poetry"], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2
    assert "poetry" in done.stderr
