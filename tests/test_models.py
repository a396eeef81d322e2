"""Models are loaded once, as the settings say."""

import threading

import pytest
from fixtures import E5, SMOLLM2

from ragapp.embedding.pool import Pooling
from ragapp.errors import ModelError, ModelMissing, SettingsError
from ragapp.models import Models
from ragapp.settings import Settings


@pytest.fixture
def settings(models_dir, tmp_path):
    return Settings(home=tmp_path, models=models_dir)


def test_an_encoder_is_loaded_once_for_all_threads(settings):
    models, loaded = Models(settings), []
    threads = [threading.Thread(target=lambda: loaded.append(models.encoder())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(encoder) for encoder in loaded}) == 1
    assert len(loaded) == 3


def test_another_pooling_is_another_encoder(settings):
    models = Models(settings)
    assert models.encoder(E5, Pooling.MEAN) is not models.encoder()
    assert models.encoder(E5, Pooling.MEAN).pooling is Pooling.MEAN


@pytest.mark.parametrize(
    ("key", "value"), [("pooling", "max"), ("dtype", "float8"), ("embedder", "no-such-model")]
)
def test_a_setting_that_cannot_be_is_named(settings, key, value):
    with pytest.raises((SettingsError, ModelError), match=value):
        Models(settings.having(**{key: value})).encoder()


def test_models_that_are_not_here(settings, tmp_path):
    models = Models(settings.having(models=tmp_path / "none"))
    for load in (models.encoder, models.engine, models.too_weak):
        with pytest.raises(ModelMissing, match="ragapp models pull"):
            load()


def test_a_weak_model_is_named_so(settings):
    models = Models(settings.having(chat_model=SMOLLM2))
    assert models.too_weak() == SMOLLM2
    assert models.engine().name == SMOLLM2
    assert models.engine() is models.engine()


def test_a_folder_is_a_model_too(settings, models_dir):
    assert Models(settings.having(embedder=str(models_dir / E5))).encoder().dimension == 384


def test_the_command_that_fetches_the_chat_model(settings):
    assert Models(settings).pull_command() == "ragapp models pull"
    assert Models(settings.having(chat_model="m")).pull_command() == "ragapp models pull m"
