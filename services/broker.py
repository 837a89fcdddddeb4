"""The Celery app: queues, lanes and delivery. Nothing else.

One queue per stage and lane. A message names a batch of documents and never carries their text. The settings below
make a killed worker's messages come back within the visibility timeout plus about a second; why each is needed was
measured and is told in docs/reliability.md.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import msgspec
from celery import Celery
from kombu import Queue
from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

from pipeline.graph import STAGES
from services.intake import Intake
from services.settings import Settings
from services.transport import Transport

TASK = "efir.stage"
# A broker that does not answer must not hold a process for ever; longer than any blocking read of ours.
_SOCKET_SECONDS = 30


class Lane(StrEnum):
    """Live documents go first; replay fills what they leave."""

    LIVE = "live"
    REPLAY = "replay"


class Batch(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message: which stage to run on which documents.

    `deliveries` counts deliveries under earlier message ids, when the batch was part of one that had to be split.
    `sent_back` counts how often a stage missed what it needs and had it made anew.
    `admitted` is the Unix time at which the documents were admitted, or enqueued again, in seconds.
    `since`: an artifact not written after this time, by the store's clock, is made again; 0 takes what is there.
    `campaign` is the campaign that asked for it, in the replay lane.
    `enqueued` is the Unix time at which this message was put into its queue; 0 before it was.
    """

    stage: str
    lane: Lane
    documents: tuple[str, ...]  # Place.path each
    admitted: float
    deliveries: int = 0
    sent_back: int = 0
    since: float = 0.0
    campaign: str | None = None
    enqueued: float = 0.0


def queue_name(stage: str, lane: Lane) -> str:
    return f"{stage}.{lane}"


def queue_names(stages: Iterable[str] = STAGES, lanes: Iterable[Lane] = tuple(Lane)) -> list[str]:
    """In the order of service: live before replay, and within a lane the later stages first.

    Later stages first, because a document that is nearly done should be done before another is begun.
    """
    chosen = [stage for stage in reversed(STAGES) if stage in set(stages)]
    return [queue_name(stage, lane) for lane in lanes for stage in chosen]


def create_app(settings: Settings, intake: Intake | None = None) -> Celery:
    """An app that produces and consumes; the worker adds its tasks to it, and `intake` says what it takes next."""
    assert settings.broker_url is not None
    app = Celery("efir", broker=settings.broker_url.get_secret_value())
    app.conf.update(
        broker_transport=Transport,
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_queues=[Queue(name) for name in queue_names()],
        task_create_missing_queues=False,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": settings.visibility_timeout,
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
            # A worker that is killed while it gives messages back must not keep the others from it.
            "unacked_mutex_expire": 2,
            "unacked_restore_limit": 1000,
            "queue_order_strategy": "priority",
            "priority_steps": [0],
            "intake": intake,
            "socket_timeout": _SOCKET_SECONDS,
            "socket_connect_timeout": _SOCKET_SECONDS,
            "socket_keepalive": True,
        },
    )
    if tls := _tls(settings):
        app.conf.broker_use_ssl = tls
    return app


def _tls(settings: Settings) -> dict[str, Any]:
    """With rediss://, the certificate is checked: kombu by itself would not."""
    assert settings.broker_url is not None
    is_tls = settings.broker_url.get_secret_value().startswith("rediss:")
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED} if is_tls else {}


def publish(app: Celery, batch: Batch) -> str:
    """Put a batch into its queue and return the message's id. Raises kombu's OperationalError when it cannot."""
    result = app.send_task(
        TASK,
        kwargs={"batch": msgspec.to_builtins(batch)},
        queue=queue_name(batch.stage, batch.lane),
        argsrepr="",  # for people who watch Celery's events; here they would be half of the message
        kwargsrepr="",
        retry_policy={"max_retries": 3, "interval_start": 0.2, "interval_step": 0.5, "interval_max": 2},
    )
    return str(result.id)


def connect(settings: Settings, seconds: float = _SOCKET_SECONDS, retries: int = 3) -> Redis:
    """A client for what Efir itself keeps in the broker: delivery counts, workers, progress notices.

    `seconds` bounds connecting and each answer; a command whose connection fails is tried `retries` times more.
    """
    assert settings.broker_url is not None
    return Redis.from_url(
        settings.broker_url.get_secret_value(),
        decode_responses=True,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(ExponentialBackoff(cap=1, base=0.05), retries=retries),
        **_tls(settings),
    )
