from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoModel, AutoTokenizer

from odqa.encoders.static import StaticEncoder, inverse_frequencies
from odqa.testing.tiny_checkpoints import tiny_bert

TEXTS = ["the river", "the city", "the king of the north"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("bert"))


def test_a_text_is_the_weighted_mean_of_its_token_embeddings(checkpoint: Path) -> None:
    encoder = StaticEncoder(str(checkpoint), TEXTS)
    vectors = encoder.encode(["river the river", "city"])
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModel.from_pretrained(checkpoint)
    table = model.get_input_embeddings().weight.detach().numpy()
    river, city = tokenizer.convert_tokens_to_ids(["river", "city"])
    # Of 3 texts, 1 has "river" and all have "the": weights log(4 / 2) and log(4 / 4) = 0.
    np.testing.assert_allclose(vectors[0], table[river] / np.linalg.norm(table[river]), atol=1e-6)
    np.testing.assert_allclose(vectors[1], table[city] / np.linalg.norm(table[city]), atol=1e-6)
    vector = encoder.encode(["river north"])[0]
    north = tokenizer.convert_tokens_to_ids("north")
    mean = (table[river] + table[north]) / 2
    np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-6)
    # Nothing is left of a text whose tokens are in every text.
    assert not encoder.encode(["the the", ""]).any()


def test_inverse_frequencies_count_texts_not_occurrences() -> None:
    weights = inverse_frequencies([[1, 1, 1], [1, 2]], 4)
    expected = [math.log(3), 0.0, math.log(3 / 2), math.log(3)]
    np.testing.assert_allclose(weights, expected, rtol=1e-6)


def test_identity_changes_with_the_texts(checkpoint: Path) -> None:
    first = StaticEncoder(str(checkpoint), TEXTS)
    assert first.identity() == StaticEncoder(str(checkpoint), iter(TEXTS)).identity()
    assert first.identity() != StaticEncoder(str(checkpoint), TEXTS[:2]).identity()
    assert first.dim == 32
