"""How a knowledge base was made is written down and compared."""

import dataclasses

import pytest

from index.builders import RECIPE
from ragapp.index.recipe import Recipe


def test_a_recipe_comes_back_from_the_store_the_same():
    assert Recipe.from_meta(RECIPE.to_meta()) == RECIPE


def test_what_an_older_base_does_not_record_is_not_compared():
    meta = RECIPE.to_meta()
    for key in ("query_prefix", "passage_prefix", "background_version"):
        del meta[key]
    assert Recipe.from_meta(meta).differences(RECIPE) == []


@pytest.mark.parametrize(
    "change", [{"terms_version": 9}, {"embedder_fingerprint": "x"}, {"query_prefix": "q: "}]
)
def test_differences_are_named(change):
    assert RECIPE.differences(dataclasses.replace(RECIPE, **change)) == list(change)


def test_a_damaged_recipe_is_no_recipe():
    with pytest.raises(ValueError, match="many"):
        Recipe.from_meta(RECIPE.to_meta() | {"dimension": "many"})
