"""The circuit breaker: when too large a share of a stage's last documents failed, the stage is paused.

It is the deploy that is bad then, not the documents: quarantining them all would only have to be undone. The outcomes
are those of all workers, kept in the broker as a list of fixed length. An operator resumes (`efir queue resume`).
"""

from __future__ import annotations

from typing import Any, cast

from redis import Redis

from services.pauses import pause, paused
from services.settings import Settings

_FAILED, _DONE = "1", "0"


class Breaker:
    """Opens when, of the last `window` documents of a stage, at least `least` and more than `share` failed."""

    def __init__(self, client: Redis, window: int, share: float, least: int) -> None:
        self._client = client
        self._window = window
        self._share = share
        self._least = least

    @classmethod
    def of(cls, client: Redis, settings: Settings) -> Breaker:
        return cls(client, settings.breaker_documents, settings.breaker_share, settings.breaker_least)

    def done(self, stage: str, documents: int) -> None:
        if documents:
            self._note(stage, [_DONE] * documents)

    def failed(self, stage: str, documents: int) -> bool:
        """Whether the stage is paused by the breaker now, by this failure or an earlier one."""
        outcomes = self._note(stage, [_FAILED] * documents)
        failures = outcomes.count(_FAILED)
        if failures >= self._least and failures > self._share * len(outcomes):
            reason = f"{failures} of the last {len(outcomes)} documents failed"
            pause(self._client, stage, "breaker", reason)
        now = paused(self._client).get(stage)
        return now is not None and now.by == "breaker"

    def forget(self, stage: str) -> None:
        """A stage that is resumed starts with a clean slate; otherwise the next failure would pause it again."""
        self._client.delete(_key(stage))

    def _note(self, stage: str, outcomes: list[str]) -> list[str]:
        pipe: Any = self._client.pipeline()
        pipe.lpush(_key(stage), *outcomes[: self._window])
        pipe.ltrim(_key(stage), 0, self._window - 1)
        pipe.lrange(_key(stage), 0, -1)
        noted: list[str] = pipe.execute()[2]
        return noted


def failed_share(client: Redis, stage: str) -> float:
    """Of the last documents of a stage, the share that failed; 0 before there were any."""
    outcomes = cast(list[str], client.lrange(_key(stage), 0, -1))
    return outcomes.count(_FAILED) / len(outcomes) if outcomes else 0.0


def _key(stage: str) -> str:
    return f"efir:outcomes:{stage}"
