"""What was counted in the broker, whichever ledger of this process took it there."""

from __future__ import annotations

import json
from collections import Counter

from services import broker
from services.metrics import ledger
from services.metrics.ledger import Ledger
from services.settings import Settings


def rejections(settings: Settings) -> Counter[tuple[str, str]]:
    """(format, reason) -> how many."""
    client = broker.connect(settings)
    ledger.close()
    Ledger(client, 0, False).write()
    found = client.hgetall("efir:counts:efir_rejections")
    return Counter({tuple(json.loads(cell)): int(float(amount)) for cell, amount in found.items()})  # type: ignore[union-attr]
