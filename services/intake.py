"""Which queues a worker looks into next: live before replay, replay's minimum share, nothing while the store is away.

Lives in the worker's main process. The transport asks for an order each time it looks for a message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


class Intake:
    """`replay_share`: of the messages taken while both lanes have some, at least this share is replay's.

    `is_ready`: whether anybody could work on what is taken.
    """

    def __init__(self, replay_share: float, is_ready: Callable[[], bool] = lambda: True) -> None:
        if not 0 <= replay_share < 1:
            raise ValueError(f"replay's share {replay_share}: expected at least 0 and less than 1")
        # What a live message earns for replay; at 1 a replay message goes first. 0.1 is one after nine.
        self._earned_by_live = replay_share / (1 - replay_share)
        self._credit = 0.0
        self.held: str | None = None  # why nothing is taken
        self._is_ready = is_ready

    def order(self, queues: Sequence[str]) -> list[str]:
        """The queues in the order in which to look; the order within a lane is kept."""
        if self.held is not None or not self._is_ready():
            return []
        live = [queue for queue in queues if not is_replay(queue)]
        replay = [queue for queue in queues if is_replay(queue)]
        # The sum of nine times a ninth is a little less than one.
        return replay + live if self._credit > 1 - 1e-9 else live + replay

    def taken(self, queue: str) -> None:
        """A message came from `queue`. Credit is not saved up: a share is of now, not of yesterday's quiet night."""
        if is_replay(queue):
            self._credit = 0.0
        else:
            self._credit = min(1.0, self._credit + self._earned_by_live)


def is_replay(queue: str) -> bool:
    return queue.endswith(".replay")
