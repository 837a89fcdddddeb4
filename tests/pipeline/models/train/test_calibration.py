"""From what confidence on a topic is told."""

import numpy as np

from pipeline.models.reader import TopicLabel
from pipeline.models.train.calibration import thresholds

TOPICS = [
    TopicLabel("medtop:11000000", "politics", "medtop:11000000", 0.5),
    TopicLabel("medtop:15000000", "sport", "medtop:15000000", 0.5),
    TopicLabel("medtop:20000593", "government", "medtop:11000000", 0.5),
]
# The second topic is rightly told with 0.64, and wrongly with 0.56.
TOLD = np.tile(np.array([[0.9, 0.64, 0.1], [0.9, 0.56, 0.1]], dtype=np.float32), (20, 1))
TRUE = np.tile(np.array([[1, 1, 0], [1, 0, 0]], dtype=np.float32), (20, 1))


def test_the_top_level_has_the_threshold_that_tells_best() -> None:
    politics, sport, _ = thresholds(TOPICS, TOLD, TRUE)
    assert politics.threshold == sport.threshold == 0.6


def test_of_the_second_level_what_was_learned_from_too_few_passages_is_never_told() -> None:
    assert thresholds(TOPICS, TOLD, TRUE)[2].threshold > 1
    enough = TRUE.copy()
    enough[:10, 2] = 1
    assert thresholds(TOPICS, TOLD, enough)[2].threshold == 0.5
