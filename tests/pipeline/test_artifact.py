"""The published schema is that of the types."""

import json
from pathlib import Path

import msgspec
import pytest

from pipeline.artifact import Record, UnreadableArtifact, decode

SCHEMA = Path(__file__).parents[2] / "docs" / "schemas" / "record.schema.json"


def test_the_published_schema_is_that_of_the_record() -> None:
    """To write it anew: python -m pipeline.artifact > docs/schemas/record.schema.json"""
    generated = msgspec.json.schema(Record)
    published = json.loads(SCHEMA.read_text())
    assert {key: published[key] for key in generated} == generated


def test_bytes_of_another_kind_are_named_with_their_key() -> None:
    with pytest.raises(UnreadableArtifact, match=r"records/x\.json: not a readable Record"):
        decode(b'{"id": 1}', Record, "records/x.json")
