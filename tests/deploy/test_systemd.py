"""The units, judged by systemd itself."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from services.settings import Settings
from tests.deploy.repository import SECRETS, SETTINGS, SYSTEMD, run, tool, units

ANALYZE = "systemd-analyze", "apt-get install systemd"
# Of systemd's own scale from 0 (confined) to 10 (free), times ten. An ordinary service has 96.
EXPOSURE = 20
EMBEDDED = {"efir-embedded.service", "efir-embedded-api.service"}


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as they lie in /etc/systemd/system, but for where `efir` is."""
    folder = tmp_path / "system"
    shutil.copytree(SYSTEMD, folder)
    for path in folder.glob("*.service"):
        path.write_text(path.read_text().replace("/opt/efir/bin/efir", str(Path(sys.executable).parent / "efir")))
    shutil.copy(folder / "efir-worker@.service", folder / "efir-worker@all.service")
    return folder


def analyze(folder: Path, *arguments: str) -> tuple[int, str]:
    # The colon: systemd's own units follow ours.
    done = run([tool(*ANALYZE), *arguments], {**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"}, folder)
    return done.returncode, done.stdout + done.stderr


def names(folder: Path) -> list[str]:
    return sorted(f"./{path.name}" for path in folder.glob("*.*") if path.suffix in {".service", ".target"})


def test_systemd_finds_nothing_wrong(installed: Path) -> None:
    units_there = [name for name in names(installed) if not name.endswith("@.service")]
    assert len(units_there) == 8
    assert analyze(installed, "verify", *units_there) == (0, "")


def test_systemd_would_find_what_is_wrong(installed: Path) -> None:
    unit = installed / "efir-api.service"
    unit.write_text(unit.read_text().replace("MemoryMax=1G", "MemoryMaximum=1G"))
    _, said = analyze(installed, "verify", "./efir-api.service")
    assert "MemoryMaximum" in said


@pytest.mark.parametrize(
    "name", ["efir-embedded", "efir-embedded-api", "efir-worker@all", "efir-api", "efir-feeds", "efir-dispatcher"]
)
def test_every_unit_is_confined(installed: Path, name: str) -> None:
    status, said = analyze(installed, "security", "--offline=true", f"--threshold={EXPOSURE}", f"./{name}.service")
    assert status == 0, said[-300:]


@pytest.mark.parametrize("name", sorted(units()))
def test_every_unit_is_bounded_and_stops_in_order(name: str) -> None:
    unit = units()[name]
    assert unit["User"] == ["efir"] and unit["Restart"] == ["on-failure"] and unit["Type"] == ["exec"]
    # Or systemd would end a worker's processes with it, and all of it when one of them is out of memory.
    assert unit["KillMode"] == ["mixed"] and unit["OOMPolicy"] == ["continue"]
    assert {"MemoryMax", "TasksMax", "TimeoutStopSec"} <= set(unit)


def test_secrets_come_as_credentials_where_broker_and_store_are_elsewhere() -> None:
    for name, unit in units().items():
        given = {each.partition(":")[0] for each in unit.get("LoadCredential", [])}
        assert given == (set() if name in EMBEDDED else SECRETS), name
        assert ("EFIR_SECRETS_DIR=%d" in unit.get("Environment", [])) == bool(given)
        assert not {each.partition("=")[0] for each in unit.get("Environment", [])} - SETTINGS


def test_efir_reads_such_credentials(tmp_path: Path) -> None:
    (tmp_path / "efir_broker_url").write_text("redis://:secret@broker:6379/0\n")
    asked = "from services.settings import Settings; print(Settings().broker_url.get_secret_value())"
    mine = {name: value for name, value in os.environ.items() if not name.startswith("EFIR_")}
    done = run([sys.executable, "-c", asked], {**mine, "EFIR_SECRETS_DIR": str(tmp_path)})
    assert done.stdout == "redis://:secret@broker:6379/0\n"


def test_no_two_roles_of_one_machine_want_the_same_port() -> None:
    ports = [
        line.partition("=")[2]
        for path in SYSTEMD.glob("worker-*.env")
        for line in path.read_text().splitlines()
        if "METRICS_PORT" in line
    ]
    for name, unit in units().items():
        if name in EMBEDDED:  # the two variants do not run side by side
            continue
        ports += [each.partition("=")[2] for each in unit.get("Environment", []) if "_PORT=" in each]
    assert len(ports) == len(set(ports)) == 7
    assert Settings.model_fields["metrics_port"].default == 0  # nobody else has one


def test_the_embedded_installation_reaches_feeds_and_stays_within_its_memory() -> None:
    unit = units()["efir-embedded.service"]
    assert not any(name.startswith("IPAddress") for name in unit)
    given = dict(each.split("=") for each in unit["Environment"])
    gigabytes = int(unit["MemoryMax"][0].removesuffix("G"))
    assert int(given["EFIR_CONCURRENCY"]) * 0.95 + 4 <= gigabytes
    api = dict(each.split("=") for each in units()["efir-embedded-api.service"]["Environment"])
    assert {given["EFIR_METRICS_PORT"], given["EFIR_EXPORTER_PORT"]}.isdisjoint(api.values())
