from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from odqa.indexes.residual_codec import ResidualCodec, nearest

RNG = np.random.default_rng(2)
DIM = 32


def unit(count: int) -> np.ndarray:
    vectors = RNG.normal(size=(count, DIM)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def test_a_case_by_hand() -> None:
    centroids = np.array([[1, 0, 0, 0], [0, 1, 0, 0]], np.float32)
    cutoffs = np.array([-0.2, 0, 0.2], np.float32)
    values = np.array([-0.3, -0.1, 0.1, 0.3], np.float32)
    codec = ResidualCodec(centroids, cutoffs, values)
    assert codec.bits == 2
    codes, packed = codec.compress(np.array([[0.1, 0.7, 0.25, -0.5]], np.float32))
    # Nearest is the second; differences 0.1, -0.3, 0.25, -0.5 are levels 2, 0, 3, 0, whose bits,
    # the lowest first, are 01 00 11 00.
    assert (codes.tolist(), packed.tolist()) == ([1], [[0b01001100]])
    restored = np.array([0.1, 1 - 0.3, 0.3, -0.3])
    expected = restored / np.linalg.norm(restored)
    np.testing.assert_allclose(codec.decompress(codes, packed)[0], expected, rtol=1e-6)


def test_what_equals_a_cutoff_is_below_it() -> None:
    codec = ResidualCodec(
        np.zeros((1, 8), np.float32), np.zeros(1, np.float32), np.array([-1, 1], np.float32)
    )
    _, packed = codec.compress(np.array([[0, 1, -1, 0, 0, 2, 0, 0]], np.float32))
    assert packed.tolist() == [[0b01000100]]


def test_quantiles_of_differences_are_the_cutoffs() -> None:
    centroids = np.zeros((1, 1), np.float32)
    held_out = np.arange(101, dtype=np.float32)[:, None] / 100
    codec = ResidualCodec.fit(centroids, held_out, 2)
    np.testing.assert_allclose(codec.cutoffs, [0.25, 0.5, 0.75], rtol=1e-6)
    np.testing.assert_allclose(codec.values, [0.125, 0.375, 0.625, 0.875], rtol=1e-6)


def test_nearest_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    centroids, vectors = unit(20), unit(50)
    expected = (vectors @ centroids.T).argmax(axis=1)
    monkeypatch.setattr("odqa.indexes.residual_codec._PRODUCTS", 60)
    np.testing.assert_array_equal(nearest(centroids, vectors), expected)


@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.usefixtures("colbert_ai_works")
def test_colbert_ai_compresses_and_restores_the_same(bits: int) -> None:
    from colbert.indexing.codecs.residual import ResidualCodec as HomeCodec

    codec = ResidualCodec.fit(unit(16), unit(400), bits)
    parts = (codec.centroids, codec.cutoffs, codec.values)
    centroids, cutoffs, values = map(torch.from_numpy, parts)
    settings = SimpleNamespace(total_visible_gpus=0, dim=DIM, nbits=bits, rank=0)
    home = HomeCodec(settings, centroids, bucket_cutoffs=cutoffs, bucket_weights=values)
    vectors = unit(100)
    codes, packed = codec.compress(vectors)
    expected = home.compress(torch.from_numpy(vectors))
    np.testing.assert_array_equal(codes, expected.codes.numpy())
    np.testing.assert_array_equal(packed, expected.residuals.numpy())
    restored = home.decompress(expected).numpy()
    np.testing.assert_allclose(codec.decompress(codes, packed), restored, atol=1e-6)


def test_more_bits_are_nearer() -> None:
    centroids, held_out, vectors = unit(16), unit(400), unit(100)
    errors = []
    for bits in (1, 2, 4):
        codec = ResidualCodec.fit(centroids, held_out, bits)
        restored = codec.decompress(*codec.compress(vectors))
        np.testing.assert_allclose(np.linalg.norm(restored, axis=1), 1, rtol=1e-5)
        errors.append(float(np.linalg.norm(restored - vectors, axis=1).mean()))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.2
