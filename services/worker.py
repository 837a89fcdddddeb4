"""A worker: Celery's prefork pool with models loaded once in each child, a lease on what is in hand, and metrics."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from billiard.process import current_process
from celery import signals
from celery.worker.state import active_requests
from prometheus_client import CollectorRegistry
from redis import Redis
from redis.exceptions import RedisError

from pipeline.graph import STAGES
from pipeline.models.bundle import BundleError
from services import broker, deliveries, logs, metrics, metrics_folder, traces
from services.broker import Lane
from services.celery_counts import CeleryCounts
from services.clocks import Clocks
from services.intake import Intake
from services.lease import LeaseRenewal
from services.liveness import Liveness, Loaded
from services.metrics import ledger
from services.metrics.exposition import registry, serve
from services.metrics.processes import Processes
from services.metrics.worker import Worker, begin
from services.object_store import connect_store
from services.orphans import die_with_parent
from services.presence import Presence, leave, stay
from services.settings import Settings
from services.watch import Watch

# Loading models takes seconds, and a pool that is not told so kills its children for being slow to start.
_LOADING_SECONDS = 120.0

log = logs.get("efir.worker")


def run(settings: Settings, stages: Sequence[str] = STAGES, lanes: Sequence[Lane] = tuple(Lane)) -> int:
    """Work until told to stop; returns the exit status. SIGTERM finishes what is in hand, within `stop_seconds`."""
    logs.configure(settings.log_level, settings.log_format)
    _verify_models(settings, stages)
    traces.check(settings)
    values = metrics_folder.prepare()
    begin(stages, lanes)
    from pipeline.models import neural  # noqa: PLC0415, F401 (before the fork: the children share torch's pages)
    from services import tasks  # noqa: PLC0415 (not before the models were verified)

    liveness, loaded = Liveness(settings.progress_seconds), Loaded()
    intake = Intake(settings.replay_share, loaded)
    app = broker.create_app(settings, intake)
    app.conf.worker_proc_alive_timeout = _LOADING_SECONDS
    app.steps["consumer"].add(LeaseRenewal)
    executor = tasks.bind(app, settings, liveness.finished)
    client = broker.connect(settings)
    name, processes = f"{socket.gethostname()}-{os.getpid()}", settings.concurrency or len(os.sched_getaffinity(0))
    clocks = Clocks(client, connect_store(settings))
    signals.setup_logging.connect(_keep_our_logging)
    _count_signals(CeleryCounts(name))

    @signals.worker_process_init.connect(weak=False)  # type: ignore[untyped-decorator]
    def in_child(**_: Any) -> None:
        die_with_parent(signal.SIGKILL)
        try:
            executor().preload(stages)
            loaded.set()
        except Exception:
            # Celery would carry on, and every document would be quarantined for want of models.
            log.exception("models do not load; the worker ends")
            os.kill(os.getppid(), signal.SIGTERM)
            raise

    @signals.worker_ready.connect(weak=False)  # type: ignore[untyped-decorator]
    def ready(**_: Any) -> None:
        stay(client, Presence(name, os.getpid(), tuple(stages), tuple(lanes), processes, address, time.time()))
        Watch(settings, client, stages, lanes, intake, liveness, clocks).start()
        log.info("ready", worker=name, stages=list(stages), lanes=list(lanes), processes=processes, metrics=address)

    @signals.worker_shutting_down.connect(weak=False)  # type: ignore[untyped-decorator]
    def bound_the_stop(how: str, **_: Any) -> None:
        if how == "Warm":
            # What is not finished by then is cancelled and goes back to its queue.
            timer = threading.Timer(settings.stop_seconds, _hand_back, (client,))
            timer.daemon = True
            timer.start()

    worker = app.Worker(
        hostname=f"efir@{name}",
        pool="prefork",
        concurrency=processes,
        queues=broker.queue_names(stages, lanes),
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        quiet=True,
    )
    readings = (
        Worker(name, liveness, intake, settings.shelf.in_use()),
        Processes(lambda: {"main": os.getpid(), **_pool(worker)}),
        clocks,
    )
    served = _serve(settings, registry("worker", readings, values), liveness)
    if served is None:
        shutil.rmtree(values, ignore_errors=True)
        return 1
    address = served
    try:
        worker.start()
    finally:
        shutil.rmtree(values, ignore_errors=True)
    with contextlib.suppress(RedisError):
        leave(client, name)
    return int(worker.exitcode or 0)


def _verify_models(settings: Settings, stages: Sequence[str]) -> None:
    """Here, once, with a clear message, rather than in every child."""
    bundles = settings.shelf.in_use()
    if settings.language not in bundles:
        # A worker without models would quarantine every document it is given.
        where = f"{settings.bundles} (EFIR_BUNDLES) or {settings.own_shelf} (EFIR_OWN_BUNDLES)"
        raise BundleError(f"no bundle for {settings.language!r} (EFIR_LANGUAGE) in {where}")
    for bundle in bundles.values():
        for stage in stages:
            bundle.verify_stage(stage)


def _serve(settings: Settings, metrics_of_all: CollectorRegistry, liveness: Liveness) -> str | None:
    try:
        return serve(settings.metrics_host, settings.metrics_port, metrics_of_all, liveness.health)
    except OSError as error:
        where = f"{settings.metrics_host}:{settings.metrics_port}"
        log.critical("metrics cannot be served; set EFIR_METRICS_PORT", address=where, error=str(error))
        return None


def _keep_our_logging(**_: Any) -> None:
    """Connecting to this signal is how Celery is told to leave logging alone."""


def _count_signals(counts: CeleryCounts) -> None:
    @signals.task_received.connect(weak=False)  # type: ignore[untyped-decorator]
    def received(request: Any, **_: Any) -> None:
        counts.received(request.delivery_info["routing_key"])

    @signals.worker_process_init.connect(weak=False)  # type: ignore[untyped-decorator]
    def begin(**_: Any) -> None:
        metrics.up.pool_starts.labels(f"pool{current_process().index}").inc()
        for whose in ("store", "broker"):
            metrics.up.waiting.labels(whose).set(0)  # the process that was here before may have died waiting

    @signals.worker_process_shutdown.connect(weak=False)  # type: ignore[untyped-decorator]
    def end(**_: Any) -> None:
        ledger.close()
        traces.close()


def _pool(worker: Any) -> dict[str, int]:
    """The processes of the worker's pool, by slot; none before it has started."""
    pool = getattr(getattr(worker, "pool", None), "_pool", None)
    return {f"pool{process.index}": process.pid for process in list(getattr(pool, "_pool", ()))}


def _hand_back(client: Redis) -> None:
    """The time to finish is over: what is in hand goes back to its queue, and it was not the documents' fault."""
    with contextlib.suppress(RedisError):
        for request in list(active_requests):
            deliveries.uncount(client, request.id)
    os.kill(os.getpid(), signal.SIGQUIT)


if __name__ == "__main__":
    sys.exit(run(Settings()))
