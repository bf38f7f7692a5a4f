"""The ColBERT encoder: equal to colbert-ai's, and clear about wrong checkpoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from odqa.encoders.late_interaction import LateInteractionEncoder
from odqa.encoders.maxsim import maxsim
from odqa.errors import CheckpointError
from odqa.testing.tiny_checkpoints import tiny_bert, tiny_colbert

QUESTIONS = [
    "who built the tower bridge",
    "",
    "what is the river of the old king, who died in the city of the new queen; which year was it",
]
PASSAGES = [
    "The bridge was opened in 1894. It's old!",
    "...",
    "A poem of the north, by a king who wrote: 'the river flows through the city' " * 4,
    "engine",
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_colbert(tmp_path_factory.mktemp("models") / "colbert")


@pytest.fixture(scope="module")
def encoder(checkpoint: Path) -> LateInteractionEncoder:
    return LateInteractionEncoder(str(checkpoint), batch_size=3)


def colbert_ai(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """colbert-ai's own checkpoint class, without its C++ extension."""
    from colbert.infra import ColBERTConfig
    from colbert.modeling.checkpoint import Checkpoint
    from colbert.modeling.colbert import ColBERT

    monkeypatch.setattr(ColBERT, "try_load_torch_extensions", lambda use_gpu: None)
    home = Checkpoint(str(checkpoint), colbert_config=ColBERTConfig(), verbose=0)
    if not home.colbert_config.mask_punctuation:
        # colbert-ai 0.2.22 makes no skip list then, and trips over its absence.
        home.skiplist = {}
    return home


def own_scores(encoder: LateInteractionEncoder, similarity: str = "cosine") -> torch.Tensor:
    queries = torch.from_numpy(encoder.encode_queries(QUESTIONS))
    shard = encoder.encode_passages(PASSAGES)
    packed, lengths = torch.from_numpy(shard.vectors), torch.from_numpy(shard.counts)
    return torch.stack([maxsim(query, packed, lengths, similarity) for query in queries])


@pytest.mark.slow
@pytest.mark.usefixtures("colbert_ai_works")
@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"attend_to_mask_tokens": True, "mask_punctuation": False, "query_maxlen": 8},
        {"query_token_id": "[unused1]", "doc_token_id": "king", "doc_maxlen": 20},
    ],
    ids=["usual", "attend-to-masks", "other-markers"],
)
def test_scores_equal_colbert_ai(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metadata: dict[str, object]
) -> None:
    folder = tiny_colbert(tmp_path / "colbert", metadata=metadata)
    encoder = LateInteractionEncoder(str(folder), batch_size=2)
    home = colbert_ai(folder, monkeypatch)
    from colbert.modeling.colbert import colbert_score

    with torch.no_grad():
        queries = home.queryFromText(QUESTIONS)
        passages, mask = home.doc(*home.doc_tokenizer.tensorize(PASSAGES), keep_dims="return_mask")
        expected = torch.stack(
            [colbert_score(q[None], passages, mask, config=home.colbert_config) for q in queries]
        )
    # 1e-5 already is float32 rounding over a sum of 16 tokens.
    torch.testing.assert_close(own_scores(encoder), expected, atol=1e-4, rtol=0)
    np.testing.assert_allclose(encoder.encode_queries(QUESTIONS), queries.numpy(), atol=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("colbert_ai_works")
def test_l2_similarity_equals_colbert_ai(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tiny_colbert(tmp_path / "colbert", metadata={"similarity": "l2"})
    encoder = LateInteractionEncoder(str(folder))
    encoder.load()
    home = colbert_ai(folder, monkeypatch)
    # One passage without punctuation: colbert-ai lets masked positions win a distance maximum.
    with torch.no_grad():
        query = home.queryFromText(QUESTIONS[:1])
        passage, mask = home.doc(*home.doc_tokenizer.tensorize(["engine"]), keep_dims="return_mask")
        # `Checkpoint.score` is closed; its parent scores as in training.
        expected = super(type(home), home).score(query, passage, mask)
    own = own_scores(encoder, encoder.settings.similarity)
    assert own[0, 3].item() == pytest.approx(expected.item(), abs=1e-4)


def test_questions_are_marked_and_filled_with_masks(encoder: LateInteractionEncoder) -> None:
    tokens = encoder.query_tokens("who built the bridge")
    assert (
        tokens == ["[CLS]", "[unused0]", "who", "built", "the", "bridge", "[SEP]"] + ["[MASK]"] * 9
    )
    assert encoder.encode_queries(["who built the bridge"]).shape == (1, 16, 16)


def test_long_texts_are_cut_with_their_markers(encoder: LateInteractionEncoder) -> None:
    tokens = encoder.query_tokens("who " * 99)
    assert tokens == ["[CLS]", "[unused0]", *["who"] * 13, "[SEP]"]
    assert len(encoder.passage_tokens("king " * 99)) == 48


def test_punctuation_of_passages_has_no_vector(encoder: LateInteractionEncoder) -> None:
    text = "the bridge, opened: 1894."
    tokens = encoder.passage_tokens(text)
    assert tokens == [
        "[CLS]", "[unused1]", "the", "bridge", "opened", "1", "##8", "##9", "##4", "[SEP]"
    ]  # fmt: skip
    shard = encoder.encode_passages([text])
    assert shard.counts.tolist() == [10]
    assert shard.vectors.shape == (10, 16)


def test_vectors_are_unit_and_independent_of_the_batch(checkpoint: Path) -> None:
    together = LateInteractionEncoder(str(checkpoint), batch_size=4).encode_passages(PASSAGES)
    np.testing.assert_allclose(np.linalg.norm(together.vectors, axis=1), 1, atol=1e-5)
    one = LateInteractionEncoder(str(checkpoint), batch_size=1)
    apart = [one.encode_passages([text]).vectors for text in PASSAGES]
    np.testing.assert_allclose(together.vectors, np.concatenate(apart), atol=1e-5)
    assert together.counts.tolist() == [len(vectors) for vectors in apart]


def test_nothing_in_nothing_out(encoder: LateInteractionEncoder) -> None:
    assert encoder.encode_queries([]).shape == (0, 16, 16)
    shard = encoder.encode_passages([])
    assert shard.vectors.shape == (0, 16)
    assert shard.counts.shape == (0,)


def test_lengths_can_be_overridden(checkpoint: Path) -> None:
    encoder = LateInteractionEncoder(str(checkpoint), query_maxlen=8, doc_maxlen=12)
    assert encoder.encode_queries(["who"]).shape == (1, 8, 16)
    assert encoder.encode_passages(["king " * 50]).counts.tolist() == [12]
    assert encoder.encode_passages(["king " * 50, "king", "river " * 9]).truncated == 1


def test_old_and_sharded_weight_files_load_too(checkpoint: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    expected = LateInteractionEncoder(str(checkpoint)).encode_queries(QUESTIONS)
    weights = load_file(checkpoint / "model.safetensors")
    for kind in ("bin", "sharded"):
        folder = tmp_path / kind
        folder.mkdir()
        for file in checkpoint.iterdir():
            if file.suffix != ".safetensors":
                (folder / file.name).write_bytes(file.read_bytes())
        if kind == "bin":
            torch.save(weights, folder / "pytorch_model.bin")
        else:
            names = list(weights)
            shards = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
            for file_name, keys in shards.items():
                save_file({k: weights[k] for k in keys}, folder / file_name, {"format": "pt"})
            weight_map = {key: file_name for file_name, keys in shards.items() for key in keys}
            index = {"metadata": {}, "weight_map": weight_map}
            (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        vectors = LateInteractionEncoder(str(folder)).encode_queries(QUESTIONS)
        np.testing.assert_allclose(vectors, expected, atol=1e-6)


def one_line(folder: Path, **lengths: int) -> str:
    with pytest.raises(CheckpointError) as caught:
        LateInteractionEncoder(str(folder), **lengths).load()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_plain_bert_is_refused(tmp_path: Path) -> None:
    line = one_line(tiny_bert(tmp_path / "bert"))
    assert "no ColBERT projection 'linear.weight'" in line
    assert str(tmp_path / "bert") in line


def test_incomplete_weights_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = tiny_colbert(tmp_path / "colbert") / "model.safetensors"
    weights = load_file(path)
    del weights["bert.encoder.layer.1.output.dense.weight"]
    save_file(weights, path, {"format": "pt"})
    assert "encoder.layer.1.output.dense.weight" in one_line(tmp_path / "colbert")


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    path = tiny_colbert(tmp_path / "colbert") / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    assert "weights not readable" in one_line(tmp_path / "colbert")


def test_folder_without_weights_is_refused(tmp_path: Path) -> None:
    (tiny_colbert(tmp_path / "colbert") / "model.safetensors").unlink()
    assert "no weights (model.safetensors or pytorch_model.bin)" in one_line(tmp_path / "colbert")


@pytest.mark.parametrize(
    ("metadata", "part"),
    [
        ("{", "not readable as JSON"),
        ("[]", "not a JSON object"),
        ('{"query_maxlen": "32"}', "query_maxlen is '32', expected a whole number from 1 up"),
        ('{"similarity": "dot"}', "similarity is 'dot'"),
        ('{"doc_maxlen": 9999}', "doc_maxlen is 9999, the encoder takes 4 to 512 tokens"),
    ],
)
def test_bad_metadata_is_refused(tmp_path: Path, metadata: str, part: str) -> None:
    folder = tiny_colbert(tmp_path / "colbert")
    (folder / "artifact.metadata").write_text(metadata)
    assert part in one_line(folder)


def test_projection_of_another_width_is_refused(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = tiny_colbert(tmp_path / "colbert") / "model.safetensors"
    save_file(load_file(path) | {"linear.weight": torch.ones(16, 8)}, path, {"format": "pt"})
    assert "linear.weight has shape [16, 8], the encoder is 32 wide" in one_line(
        tmp_path / "colbert"
    )
