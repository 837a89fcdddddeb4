import pytest

from pipeline.models.bundle import Bundle
from pipeline.models.evaluate.reading import Reader
from pipeline.models.neural import NeuralModels


@pytest.fixture(scope="session")
def reader(bundle: Bundle, models: NeuralModels) -> Reader:
    reader = Reader(bundle)
    reader.models = models  # loaded already
    return reader
