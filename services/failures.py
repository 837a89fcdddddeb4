"""The three kinds of failure, and what is done about each.

- **Transient**: the store or the broker does not answer, or answers that it cannot now. It passes by itself or when
  somebody mends it, so it is waited for, without limit, with growing and random pauses.
- **Permanent** for the document: bad input, or a stage raises on this text or is too slow for it. Trying again would
  say the same, so the document is quarantined at once, with the traceback.
- **Fatal** for the process: out of memory, a crash in native code, a hang that cannot be interrupted. Nobody can say
  which document of the batch it was, so the message is delivered again, split, and quarantined past the limit.
"""

from __future__ import annotations

from enum import StrEnum

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError
from tenacity import wait_random_exponential

from pipeline.store import StoreRefused, StoreUnavailable

# A refusal is waited for, too: keys can be corrected, a document given up for a wrong key could not.
STORE_IS_AWAY = (StoreUnavailable, StoreRefused)
BROKER_IS_AWAY = (RedisError, OperationalError)
TRANSIENT = (*STORE_IS_AWAY, *BROKER_IS_AWAY)

# Between half a second and half a minute, at random, so that a hundred workers do not all come back at once.
PAUSES = wait_random_exponential(multiplier=0.5, max=30)


class Kind(StrEnum):
    """Of what ends in quarantine; transient failures never do."""

    PERMANENT = "permanent"
    FATAL = "fatal"


def cause(error: BaseException) -> str:
    """Which of the two is away."""
    return "store" if isinstance(error, STORE_IS_AWAY) else "broker"
