"""efir keys, as far as the console script says nothing more than its commands: tests/system/test_api.py starts it."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from pipeline.store import ArtifactStore
from services.cli.keys import app
from services.embedded import _as_environment
from services.keys import Keyring, Keys, Scope
from services.settings import Settings


@pytest.fixture
def run(settings: Settings, store: ArtifactStore):  # type: ignore[no-untyped-def]
    environment = _as_environment(settings.model_copy(update={"store_bucket": store._bucket}))

    def running(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments), env=environment)

    return running


def test_a_key_is_made_listed_rotated_and_taken_back(run, store: ArtifactStore) -> None:  # type: ignore[no-untyped-def]
    assert "no key was ever made" in run("ls").output
    options = ["--scope", "read", "--scope", "ingest", "--rate", "60", "--documents", "600", "--expires", "2099-01-01"]
    made = run("add", "редакція", *options)
    token = made.stdout.strip()
    ring = Keyring(Keys(store), 0)
    key = ring.find(token)
    assert key is not None and key.scopes == (Scope.READ, Scope.INGEST)
    assert (key.requests_per_minute, key.documents_per_minute) == (60, 600)
    assert "редакція" in run("ls").output and "2099-01-01" in run("ls").output
    assert "digest" not in json.loads(run("ls", "--json").stdout)
    rotated = run("rotate", key.id, "--yes").stdout.strip()
    assert ring.find(token) is None and ring.find(rotated) is not None
    assert run("rm", key.id, "--yes").exit_code == 0
    assert ring.find(rotated) is None and json.loads(run("ls", "--json").stdout)["disabled"] is not None


@pytest.mark.parametrize(
    "arguments",
    [
        ["rm", "0123456789ab", "--yes"],
        ["rm", "../../documents", "--yes"],
        ["add", "nobody"],
        ["add", "nobody", "--scope", "all"],
        ["add", "nobody", "--scope", "read", "--expires", "tomorrow"],
        ["add", "nobody", "--scope", "read", "--rate", "0"],
    ],
)
def test_what_cannot_be_is_refused(run, store: ArtifactStore, arguments: list[str]) -> None:  # type: ignore[no-untyped-def]
    assert run(*arguments).exit_code == 2
    assert Keys(store).ids() == []
