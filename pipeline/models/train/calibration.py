"""From what confidence on a topic is told: chosen where it tells best, by heads that had not learned from a text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.models.reader import Floats, TopicLabel

# One threshold for the top level: those who choose are too few to tell seventeen apart.
_CANDIDATES = np.arange(0.2, 0.71, 0.05)
# A topic of the second level is told when it is more likely than not, and was learned from enough passages.
_SECOND = 0.5
_LEARNED_FROM = 10
_NEVER = 2.0


def thresholds(topics: Sequence[TopicLabel], told: Floats, true: Floats) -> list[TopicLabel]:
    """`told` and `true` have the shape (passages, topics): probabilities, and 1 where a passage bears a topic."""
    top = [at for at, topic in enumerate(topics) if topic.is_top]
    best = max(_CANDIDATES, key=lambda least: _f1(told[:, top], true[:, top], least)) if len(told) else 0.5
    learned = true.sum(axis=0)
    return [
        TopicLabel(topic.id, topic.name, topic.parent, _threshold(topic, float(best), int(learned[at])))
        for at, topic in enumerate(topics)
    ]


def _threshold(topic: TopicLabel, top: float, learned: int) -> float:
    if topic.is_top:
        return round(top, 2)
    return _SECOND if learned >= _LEARNED_FROM else _NEVER


def _f1(told: Floats, true: Floats, least: float) -> float:
    """Micro- and macro-F1 together, when the best topic and all from `least` on are told."""
    said = told >= least
    said[np.arange(len(said)), told.argmax(axis=1)] = True
    right, all_ = (said & (true > 0)).sum(axis=0), said.sum(axis=0) + (true > 0).sum(axis=0)
    return float(2 * right.sum() / all_.sum() + np.mean(2 * right / np.maximum(all_, 1)))
