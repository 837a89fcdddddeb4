"""News items of agencies, in the three versions of ninjs."""

import json
from datetime import UTC, datetime
from typing import Any

from tests.pipeline.readers.reading import reason, transcript

THREE = {
    "uri": "http://www.agency.example/items/1",
    "standard": {"name": "ninjs", "version": "3.1"},
    "type": "text",
    "language": "uk-UA",
    "versionCreated": "2026-01-02T18:30:00Z",
    "firstCreated": "2026-01-01T00:00:00Z",
    "headlines": [{"role": "main", "value": "Міст <em>відкрили</em>"}, {"value": "Ще"}],
    "bodies": [
        {"contentType": "text/html", "value": "<p>Довший, бо з <b>розміткою</b>, текст про міст через Десну.</p>"},
        {"contentType": "text/plain", "value": "Міст відкрили.\r\nУсі раді."},
    ],
    "infoSources": [{"role": "provider", "name": "Агенція"}],
    "by": "Олена Коваль",
}
TWO = {
    "uri": "urn:newsml:agency.example:1",
    "language": "uk",
    "versioncreated": "2026-01-02T18:30:00+00:00",
    "headline": "Міст відкрили",
    "body_xhtml": "<div><p>Міст відкрили.</p><p>Усі раді &amp; щасливі.</p></div>",
    "byline": "Олена Коваль",
    "bodies": None,
    "subject": [{"name": "x"}],
}


def read(item: dict[str, Any], **changed: Any) -> Any:
    return transcript(json.dumps(item | changed))


def test_version_three_has_arrays() -> None:
    found = read(THREE)
    assert (found.format, found.title, found.text) == ("ninjs", "Міст відкрили", "Міст відкрили.\nУсі раді.")
    assert (found.source, found.language, found.speakers) == ("Агенція", "uk", ("Олена Коваль",))
    assert (found.guid, found.url) == (THREE["uri"], THREE["uri"])
    assert found.published == datetime(2026, 1, 2, 18, 30, tzinfo=UTC)


def test_version_two_has_single_fields() -> None:
    found = read(TWO)
    assert (found.title, found.text) == ("Міст відкрили", "Міст відкрили.\n\nУсі раді & щасливі.")
    assert (found.source, found.guid, found.url) == ("local", TWO["uri"], None)
    assert read(TWO, body_text="Коротко.").text == "Коротко."
    assert read(TWO, bylines=[{"name": "Іван"}, "Ольга"]).speakers == ("Іван", "Ольга")


def test_an_item_of_http_without_a_provider_is_of_its_host() -> None:
    assert read(THREE, infoSources=[]).source == "agency.example"
    assert read(THREE, infoSources=[], copyrightHolder="Інша").source == "Інша"


def test_what_its_provider_holds_back_does_not_enter() -> None:
    for held in ({"pubStatus": "canceled"}, {"pubstatus": "withheld"}, {"embargoedUntil": "2199-01-01T00:00:00Z"}):
        assert reason(json.dumps(THREE | held)) == "withheld"
    assert read(THREE, embargoedUntil="2020-01-01T00:00:00Z", pubStatus="usable").text


def test_a_picture_without_a_body_is_empty() -> None:
    assert reason(json.dumps({"uri": "urn:1", "type": "picture", "headlines": [{"value": "Фото"}]})) == "empty"


def test_a_wrong_type_is_told() -> None:
    assert reason(json.dumps(THREE | {"bodies": "text"})) == "not-a-transcript"
