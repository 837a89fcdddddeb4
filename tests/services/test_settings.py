from pathlib import Path

import pytest
from pydantic import ValidationError

from services.settings import Settings


def test_nothing_configured_means_embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EFIR_BROKER_URL", raising=False)
    assert Settings().is_embedded


def test_the_environment_is_read_and_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFIR_STORE_SECRET_KEY", "hidden")
    monkeypatch.setenv("EFIR_MAX_DELIVERIES", "5")
    settings = Settings()
    assert settings.max_deliveries == 5
    assert settings.store_secret_key.get_secret_value() == "hidden"
    assert "hidden" not in repr(settings)


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "efir_store_secret_key").write_text("from a file")
    assert Settings(_secrets_dir=tmp_path).store_secret_key.get_secret_value() == "from a file"


def test_a_wrong_value_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EFIR_VISIBILITY_TIMEOUT", "0")
    with pytest.raises(ValidationError, match="visibility_timeout"):
        Settings()


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in Settings.model_fields.values())
