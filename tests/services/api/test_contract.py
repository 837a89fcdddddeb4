"""The OpenAPI document against the API it describes: schemathesis makes requests of it, good and bad, and judges.

Left out is `positive_data_acceptance`: a schema cannot say that a text has letters or that a string is a date, and what
is wrong in such ways is refused with a documented 422. And for batches and streams `negative_data_rejection`: there a
bad transcript is refused in its result.
"""

from __future__ import annotations

from contextlib import nullcontext, suppress
from typing import Any, get_args

import schemathesis
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as effort
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from pipeline.graph import STAGES
from pipeline.models.bundle import Bundle
from pipeline.store import ArtifactStore
from services.api.schemas import NDJSON, Stage
from tests.services.api.conftest import Serve, key
from tests.services.api.test_documents import admitted, record

_EXAMPLES = 6

load_all_checks()
_LEFT_OUT = [CHECKS.get_one("positive_data_acceptance")]
_CHECKS = [check for check in CHECKS.get_all() if check not in _LEFT_OUT]


@schemathesis.serializer(NDJSON, "application/jsonl")
def as_lines(context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


def probe(operation: Any, mode: GenerationMode, headers: dict[str, str]) -> set[int]:
    """Make some requests of an operation; the statuses they were answered with."""
    statuses: set[int] = set()

    @given(case=operation.as_strategy(generation_mode=mode))
    @effort(
        max_examples=_EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def send(case: Any) -> None:
        is_of_many = operation.path.endswith(":bulk") or isinstance(case.body, list)
        excluded = [CHECKS.get_one("negative_data_rejection")] if is_of_many else []
        answer = case.call_and_validate(headers=headers, checks=_CHECKS, excluded_checks=excluded)
        statuses.add(answer.status_code)
        assert answer.status_code < 500

    # There is no wrong way to ask for what takes nothing.
    with suppress(Unsatisfiable) if mode is GenerationMode.NEGATIVE else nullcontext():
        send()
    return statuses


def test_whatever_is_sent_the_answer_is_one_that_the_document_names(serve: Serve, store: ArtifactStore) -> None:
    api = serve()
    headers = key(store, requests_per_minute=1_000_000)
    schema = schemathesis.openapi.from_url(f"{api.url}/openapi.json")
    operations = [operation.ok() for operation in schema.get_all_operations()]
    assert len(operations) >= 9
    statuses: set[int] = set()
    for operation in operations:
        for mode in GenerationMode:
            statuses |= probe(operation, mode, headers)
    assert statuses >= {200, 202, 404, 422}


def test_answers_about_a_document_that_is_there_are_as_described(
    serve: Serve, store: ArtifactStore, bundle: Bundle
) -> None:
    api = serve()
    schema = schemathesis.openapi.from_url(f"{api.url}/openapi.json")
    place = admitted(api, store)
    parameters = {"id": place.id}

    def ask(method: str, path: str, **more: Any) -> int:
        case = schema[path][method].Case(path_parameters=parameters | more)
        checks = [CHECKS.get_one(f"{what}_conformance") for what in ("response_schema", "status_code", "content_type")]
        return int(case.call_and_validate(checks=checks).status_code)

    one = "/v1/transcripts/{id}"
    assert ask("GET", one) == 200
    record(store, bundle, place)
    assert ask("GET", one) == 200
    assert ask("GET", f"{one}/artifacts/{{stage}}", stage="topics") == 200
    assert ask("DELETE", one) == 200
    assert ask("GET", one) == 410


def test_the_stages_of_the_document_are_those_that_there_are() -> None:
    assert set(get_args(Stage)) == set(STAGES)
