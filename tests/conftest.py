"""Real parts for the tests: the shipped models, a real valkey-server, a real S3 server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.models.bundle import Bundle, installed
from pipeline.models.neural import NeuralModels
from pipeline.stages.entities import EntitiesStage
from pipeline.stages.parse import ParseStage
from pipeline.store import ArtifactStore
from services.embedded import Embedded
from services.object_store import connect_store
from services.settings import Settings

EXAMPLE = Path(__file__).parent.parent / "examples" / "zvernennia.txt"


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return installed()["uk"]


@pytest.fixture(scope="session")
def models(bundle: Bundle) -> NeuralModels:
    return NeuralModels(bundle)


@pytest.fixture(scope="session")
def parse_stage(models: NeuralModels) -> ParseStage:
    return ParseStage(models)


@pytest.fixture(scope="session")
def entities_stage(models: NeuralModels) -> EntitiesStage:
    return EntitiesStage(models)


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """A broker and a store without a worker."""
    with Embedded(Settings(state=tmp_path_factory.mktemp("servers"))) as embedded:
        yield embedded


@pytest.fixture(scope="session")
def settings(servers: Embedded) -> Settings:
    return servers.settings


@pytest.fixture
def store(settings: Settings, request: pytest.FixtureRequest) -> ArtifactStore:
    """A bucket of its own for each test."""
    name = "".join(char if char.isalnum() else "-" for char in request.node.name.lower())[:40].strip("-")
    store = connect_store(settings.model_copy(update={"store_bucket": f"test-{name}"}))
    store.ensure_bucket()
    return store
