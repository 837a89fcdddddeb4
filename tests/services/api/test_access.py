"""Who may: keys, scopes, rates, and what is open as long as there is no key."""

from __future__ import annotations

import hashlib
import hmac
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from pipeline.store import ArtifactStore
from services.keys import Keyring, Keys, Scope
from tests.services.api.conftest import TEXT, Serve, Served, key

_UNKNOWN = "/v1/transcripts/0123456789abcdef-01234567"


def test_without_any_key_this_machine_is_let_in_and_nobody_behind_a_proxy_or_a_web_page(api: Served) -> None:
    assert api.client.get("/v1/transcripts").status_code == 200
    for header in (
        {"X-Forwarded-For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Via": "1.1 proxy"},
        {"Origin": "http://localhost"},
        {"Host": "evil.example"},
    ):
        answer = api.client.get("/v1/transcripts", headers=header)
        assert (answer.status_code, answer.json()["reason"]) == (401, "no-key")


def test_the_api_can_be_told_never_to_be_open(serve: Serve) -> None:
    assert serve(api_open="never").client.get("/v1/transcripts").status_code == 401


def test_the_first_key_closes_the_door_and_taking_it_back_does_not_open_it(api: Served, store: ArtifactStore) -> None:
    keys = Keys(store)
    one, token = keys.add("one", (Scope.READ,))
    bearer = {"Authorization": f"Bearer {token}"}
    assert api.client.get("/v1/transcripts").status_code == 401
    assert api.client.get("/v1/transcripts", headers=bearer).status_code == 200
    keys.disable(one)
    assert api.client.get("/v1/transcripts", headers=bearer).status_code == 401
    assert api.client.get("/v1/transcripts").status_code == 401


def test_each_scope_opens_its_own_and_nothing_else(api: Served, store: ArtifactStore) -> None:
    tried = {
        Scope.READ: lambda headers: api.client.get(_UNKNOWN, headers=headers),
        Scope.INGEST: lambda headers: api.post({"text": TEXT}, headers=headers),
        Scope.ADMIN: lambda headers: api.client.delete(_UNKNOWN, headers=headers),
    }
    for held in Scope:
        headers = key(store, held)
        for needed, attempt in tried.items():
            answer = attempt(headers)
            assert (answer.status_code == 403) == (held is not needed)


@pytest.mark.parametrize("token", ["", "x", "efir_", "efir_0123456789ab_" + "a" * 43, "efir_../../x_" + "a" * 43])
def test_what_is_not_a_key_is_told_one_thing(api: Served, store: ArtifactStore, token: str) -> None:
    _, good = Keys(store).add("one", tuple(Scope))
    right = {"reason": "invalid-key", "detail": "there is no such key, or it has expired"}
    for wrong in (token or "-", good[:-1] + ("a" if good[-1] != "a" else "b")):
        answer = api.client.get("/v1/transcripts", headers={"Authorization": f"Bearer {wrong}"})
        assert answer.status_code == 401 and answer.json().items() >= right.items()
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_key_expires(api: Served, store: ArtifactStore) -> None:
    now = datetime.now(UTC)
    past = key(store, Scope.READ, expires=now - timedelta(seconds=1))
    soon = key(store, Scope.READ, expires=now + timedelta(hours=1))
    assert api.client.get("/v1/transcripts", headers=past).status_code == 401
    assert api.client.get("/v1/transcripts", headers=soon).status_code == 200


def test_a_rotated_key_has_another_secret_and_the_same_rights(api: Served, store: ArtifactStore) -> None:
    keys = Keys(store)
    one, old = keys.add("one", (Scope.READ,))
    new = keys.rotate(one)
    for token, status in ((old, 401), (new, 200)):
        answer = api.client.get("/v1/transcripts", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status


def test_the_secret_is_not_in_the_store(store: ArtifactStore) -> None:
    made, token = Keys(store).add("one", (Scope.READ,))
    secret = token.split("_", 2)[2]
    kept = store.get(f"keys/{made.id}.json").decode()
    assert secret not in kept and hashlib.sha256(secret.encode()).hexdigest() in kept


def test_whatever_is_wrong_with_a_token_two_digests_are_compared(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, token = Keys(store).add("one", (Scope.READ,))
    compared: list[tuple[int, int]] = []

    def compare(one: str, other: str) -> bool:
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    ring = Keyring(Keys(store), 60)
    assert ring.find(token) == made
    for wrong in ("", "nonsense", token[:-3] + "aaa", "efir_0123456789ab_" + "a" * 43):
        assert ring.find(wrong) is None
    assert compared == [(64, 64)] * 5


def test_what_is_known_of_keys_is_not_older_than_promised_and_guesses_cost_the_store_nothing(
    store: ArtifactStore,
) -> None:
    keys = Keys(store)
    made, token = keys.add("one", (Scope.READ,))
    asked: list[str] = []
    store.observer = lambda operation: asked.append(operation.name)
    ring = Keyring(keys, 0.3)
    assert ring.find(token) == made
    keys.disable(made)
    asked.clear()
    for number in range(100):
        ring.find(f"efir_{number:012x}_" + "a" * 43)
    assert asked == [] and ring.find(token) == made
    time.sleep(0.35)
    assert ring.find(token) is None


def test_two_processes_count_a_keys_requests_together(serve: Serve, store: ArtifactStore) -> None:
    one, two = serve(), serve()
    headers = key(store, Scope.READ, requests_per_minute=6)
    answers = [each.client.get(_UNKNOWN, headers=headers) for _ in range(4) for each in (one, two)]
    assert [answer.status_code for answer in answers] == [404] * 6 + [429] * 2
    refused = answers[-1]
    assert refused.json()["reason"] == "rate-limited" and 1 <= int(refused.headers["Retry-After"]) <= 20
    assert refused.headers["RateLimit-Policy"] == '"requests";q=6;w=60'
    assert answers[0].headers["RateLimit"] == '"requests";r=5'
    assert one.client.get("/v1/transcripts", headers=key(store, Scope.READ)).status_code == 200


def test_documents_have_a_rate_of_their_own_and_a_large_batch_passes_when_nothing_was_sent(
    api: Served, store: ArtifactStore
) -> None:
    headers = key(store, Scope.INGEST, documents_per_minute=2)
    batch = [{"text": f"{TEXT} Номер {number}."} for number in range(5)]
    assert api.post(batch, headers=headers).status_code == 202
    answer = api.post(batch[:1], headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (429, "rate-limited")
    # 3 of debt and 1 to spend, at one in 30 s
    assert 100 < int(answer.headers["Retry-After"]) <= 120


def test_every_error_is_a_problem(api: Served) -> None:
    def told(answer: Any) -> tuple[int, str]:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["instance"] == f"urn:uuid:{answer.headers['X-Request-Id']}"
        return answer.status_code, answer.json()["reason"]

    assert told(api.client.get("/nothing")) == (404, "not-found")
    assert told(api.client.put("/v1/transcripts")) == (405, "method-not-allowed")
    assert told(api.client.get("/v1/transcripts/x")) == (422, "invalid-request")
    assert told(api.client.get("/v1/transcripts", params={"limit": "many"})) == (422, "invalid-request")
    assert told(api.client.get(_UNKNOWN)) == (404, "unknown-document")


def test_what_nobody_foresaw_is_told_as_a_number_of_the_log(api: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr("services.api.documents.place_of_id", broken)
    with capture_logs() as logged:
        answer = api.client.get(_UNKNOWN)
    assert (answer.status_code, answer.json()["reason"]) == (500, "internal-error")
    assert "secret of the house" not in answer.text and "Traceback" not in answer.text
    told = [line["request"] for line in logged if line["event"] == "internal error"]
    assert told == [answer.headers["X-Request-Id"]]


def test_answers_carry_security_headers_and_name_no_server(api: Served) -> None:
    headers = api.client.get("/healthz").headers
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-store"
    assert "Server" not in headers and "Access-Control-Allow-Origin" not in headers
    page = api.client.get("/docs")
    assert page.status_code == 200 and "<script" not in page.text and "https://" not in page.text


def test_more_open_requests_than_allowed_are_turned_away_but_health_is_not(serve: Serve) -> None:
    import socket

    api = serve(api_requests=1)
    with socket.create_connection(("127.0.0.1", api.port)) as held:
        held.sendall(b"POST /v1/transcripts HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n{")
        time.sleep(0.3)
        answer = api.client.get("/v1/transcripts")
        assert (answer.status_code, answer.json()["reason"]) == (503, "overloaded")
        assert api.client.get("/healthz").status_code == 200
    time.sleep(0.3)
    assert api.client.get("/v1/transcripts").status_code == 200


def test_metrics_count_requests_by_template_and_documents_by_verdict(api: Served) -> None:
    counted = (
        'efir_api_documents_total{reason="",verdict="admitted"} ',
        'efir_api_documents_total{reason="empty",verdict="refused"} ',
        'efir_api_requests_total{method="GET",route="/v1/transcripts/{id}",status="404"} ',
        'efir_store_operation_seconds_count{operation="create"} ',
    )

    def counts() -> list[float]:
        text = api.client.get("/metrics").text
        assert "0123456789abcdef" not in text
        return [float(text.partition(name)[2].partition("\n")[0] or 0) for name in counted]

    before = counts()
    api.post([{"text": TEXT}, {"text": "1"}])
    api.client.get(_UNKNOWN)
    grown = [after - earlier for after, earlier in zip(counts(), before, strict=True)]
    assert grown[:3] == [1, 1, 1] and grown[3] > 0


def test_metrics_are_openmetrics_for_who_asks_for_it(api: Served) -> None:
    plain = api.client.get("/metrics")
    assert plain.headers["Content-Type"].startswith("text/plain")
    answer = api.client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n") and "efir_build_info" in answer.text
