"""Real parts for the tests: the shipped models, a real valkey-server, a real S3 server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.models.bundle import Bundle, installed
from pipeline.models.neural import NeuralModels
from pipeline.models.pack import pack
from pipeline.stages.entities import EntitiesStage
from pipeline.stages.parse import ParseStage
from pipeline.store import ArtifactStore
from services.embedded import Embedded
from services.object_store import connect_store
from services.settings import Settings
from tests.tiny_stanza import TinyStanza

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
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyStanza:
    """Real models of Stanza's kinds, made in seconds."""
    return TinyStanza(tmp_path_factory.mktemp("stanza"))


@pytest.fixture(scope="session")
def stanza_models(tiny: TinyStanza, tmp_path_factory: pytest.TempPathFactory) -> NeuralModels:
    """A bundle of Stanza's models, as a downloaded one is."""
    return NeuralModels(pack(tiny.bundle(tmp_path_factory.mktemp("bundle"))))


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """A broker and a store without a worker."""
    with Embedded(Settings(state=tmp_path_factory.mktemp("servers"))) as embedded:
        yield embedded


@pytest.fixture(scope="session")
def settings(servers: Embedded) -> Settings:
    return servers.settings


@pytest.fixture
def store(settings: Settings, request: pytest.FixtureRequest) -> Iterator[ArtifactStore]:
    """A bucket of its own for each test. It goes with the test: the server has room for about a hundred at a time."""
    name = "".join(char if char.isalnum() else "-" for char in request.node.name.lower())[:40].strip("-")
    store = connect_store(settings.model_copy(update={"store_bucket": f"test-{name}"}))
    store.ensure_bucket()
    yield store
    store._client.remove_bucket(store._bucket)
