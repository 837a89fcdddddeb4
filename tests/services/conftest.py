"""Admission over the session's broker, emptied, and a bucket of the test's own."""

import pytest

from pipeline.models.bundle import Bundle
from pipeline.store import ArtifactStore
from services import broker
from services.admission import Admission
from services.settings import Settings


@pytest.fixture
def admission(settings: Settings, store: ArtifactStore, bundle: Bundle) -> Admission:
    broker.connect(settings).flushdb()
    return Admission(settings, store, broker.create_app(settings), {"uk": bundle})
