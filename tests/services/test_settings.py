from pathlib import Path

import pytest
from pydantic import ValidationError

from pipeline.readers import Limits
from services import configuration
from services.embedded import _as_environment
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


def test_what_readers_are_told_is_what_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().limits == Limits()
    monkeypatch.setenv("EFIR_KEEP_SOUNDS", "true")
    monkeypatch.setenv("EFIR_MAX_COMPRESSION", "50")
    assert Settings().limits == Limits(ratio=50, keep_sounds=True)


def test_bundles_are_chosen_by_language(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EFIR_MODELS", "uk=uk-open, pl = pl-stanza,")
    settings = Settings(state=tmp_path)
    assert settings.shelf.chosen == {"uk": "uk-open", "pl": "pl-stanza"}
    assert settings.shelf.folders == (settings.bundles, tmp_path / "models")
    assert Settings(own_bundles=tmp_path).shelf.folders[1] == tmp_path
    assert Settings(models="").shelf.chosen == {}
    for wrong in ("uk", "uk=", "=uk-open", "uk=uk-open,uk=uk"):
        with pytest.raises(ValidationError, match=r"is not language=bundle|names two bundles"):
            Settings(models=wrong)


def test_a_process_of_the_embedded_installation_has_the_same_bundles(tmp_path: Path) -> None:
    relative = Settings(state=Path("state"), own_bundles=Path("mine"), models="uk=uk-open")
    environment = _as_environment(relative)
    assert environment["EFIR_MODELS"] == "uk=uk-open"
    assert environment["EFIR_OWN_BUNDLES"] == str(Path("mine").absolute())
    assert "EFIR_OWN_BUNDLES" not in _as_environment(Settings())


def test_every_setting_says_what_it_is() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_the_reference_is_made_from_the_settings() -> None:
    """Repair: python -m services.configuration > docs/configuration.md"""
    assert (Path(__file__).parents[2] / "docs" / "configuration.md").read_text() == configuration.render()


def test_every_setting_stands_under_a_topic_and_in_words_a_reader_knows() -> None:
    for setting in configuration.reference():
        assert setting.topic, f"{setting.variable}: no comment with ## before it in services/settings.py"
        assert "'" not in setting.kind and "." not in setting.kind
