"""Materialised checkpoints load in their home libraries and compute the same as odqa's merge."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from odqa.checkpoints.base_model import base_model_dir
from odqa.checkpoints.build import build_checkpoint
from odqa.checkpoints.delta import read_delta, write_delta
from odqa.errors import CheckpointError

QUERY = "encoder.layer.0.attention.self.query"
TEXTS = ["who wrote hamlet", "Hamlet was written by Shakespeare."]


def _built(folder: Path, config: dict[str, object], heads: dict[str, torch.Tensor]) -> Path:
    """A checkpoint of one changed layer and new heads."""
    generator = torch.Generator().manual_seed(0)
    prefix = config["prefix"]
    tensors = {
        f"{prefix}{QUERY}.lora_A": torch.randn(2, 384, generator=generator) / 20,
        f"{prefix}{QUERY}.lora_B": torch.randn(384, 2, generator=generator) / 20,
        **heads,
    }
    write_delta(folder / "delta", tensors, {**config, "lora": {"r": 2, "alpha": 4.0}})
    out = folder / "checkpoint"
    out.mkdir()
    build_checkpoint(base_model_dir(), read_delta(folder / "delta"), out)
    return out


def test_a_cross_encoder_loads_in_sentence_transformers(tmp_path: Path) -> None:
    from sentence_transformers import CrossEncoder
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    head = {"classifier.weight": torch.full((1, 384), 0.5), "classifier.bias": torch.tensor([0.25])}
    config = {"kind": "sequence-classification", "prefix": "bert.", "max_length": 192}
    folder = _built(tmp_path, config, head)
    model, info = AutoModelForSequenceClassification.from_pretrained(
        folder, output_loading_info=True
    )
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    inputs = AutoTokenizer.from_pretrained(folder)(*TEXTS, return_tensors="pt")
    with torch.no_grad():
        expected = model.eval()(**inputs).logits.item()
    scores = CrossEncoder(str(folder), device="cpu").predict([tuple(TEXTS)])
    # The logit itself, without sigmoid.
    assert float(scores[0]) == pytest.approx(expected, abs=1e-5)


def test_a_reader_loads_in_transformers(tmp_path: Path) -> None:
    from transformers import AutoModelForQuestionAnswering

    head = {"qa_outputs.weight": torch.ones(2, 384), "qa_outputs.bias": torch.zeros(2)}
    config = {"kind": "question-answering", "prefix": "bert.", "max_length": 256}
    _, info = AutoModelForQuestionAnswering.from_pretrained(
        _built(tmp_path, config, head), output_loading_info=True
    )
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]


@pytest.mark.parametrize("kind", ["dpr", "sentence"])
def test_a_tower_loads_in_sentence_transformers(tmp_path: Path, kind: str) -> None:
    from sentence_transformers import SentenceTransformer
    from transformers import AutoModel, AutoTokenizer

    folder = _built(tmp_path, {"kind": kind, "prefix": "", "max_length": 192}, {})
    model = SentenceTransformer(str(folder), device="cpu")
    assert model.max_seq_length == 192
    vectors = torch.from_numpy(model.encode(TEXTS))
    plain, info = AutoModel.from_pretrained(folder, output_loading_info=True)
    assert not info["missing_keys"]
    inputs = AutoTokenizer.from_pretrained(folder)(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        states = plain.eval()(**inputs).last_hidden_state
    mask = inputs["attention_mask"][..., None].float()
    expected = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)
    assert torch.allclose(vectors, expected, atol=1e-5)


@pytest.mark.usefixtures("colbert_ai_works")
def test_a_colbert_loads_in_colbert_ai_and_in_odqa(tmp_path: Path) -> None:
    from colbert.infra import ColBERTConfig
    from colbert.modeling.hf_colbert import class_factory

    from odqa.encoders.late_interaction import LateInteractionEncoder

    head = {"linear.weight": torch.eye(384)[:128]}
    config = {"kind": "colbert", "prefix": "bert.", "dim": 128}
    config |= {"query_maxlen": 32, "doc_maxlen": 180}
    folder = _built(tmp_path, config, head)
    # What its Checkpoint does first; the rest compiles a C++ extension.
    settings = ColBERTConfig.load_from_checkpoint(str(folder))
    assert (settings.dim, settings.doc_maxlen, settings.query_maxlen) == (128, 180, 32)
    home = class_factory(str(folder)).from_pretrained(str(folder), colbert_config=settings).eval()
    encoder = LateInteractionEncoder(str(folder))
    vectors = encoder.encode_queries(TEXTS[:1])[0]
    tokens = encoder.query_tokens(TEXTS[0])
    ids = torch.tensor(
        [home.raw_tokenizer_from_pretrained(str(folder)).convert_tokens_to_ids(tokens)]
    )
    mask = torch.tensor([[int(token != "[MASK]") for token in tokens]])
    with torch.no_grad():
        states = home.linear(home.LM(ids, attention_mask=mask)[0])
    expected = torch.nn.functional.normalize(states, dim=-1)[0]
    assert torch.allclose(torch.from_numpy(vectors), expected, atol=1e-5)


def test_the_same_delta_gives_the_same_bytes(tmp_path: Path) -> None:
    config = {"kind": "dpr", "prefix": "", "max_length": 192}
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one, two = (_built(tmp_path / name, config, {}) for name in "ab")
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert files
    assert all((one / path).read_bytes() == (two / path).read_bytes() for path in files)


def test_a_damaged_or_foreign_delta_is_refused(tmp_path: Path) -> None:
    write_delta(tmp_path, {"x.lora_A": torch.zeros(1, 2)}, {"kind": "dpr", "prefix": ""})
    weights = tmp_path / "delta.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    with pytest.raises(CheckpointError, match="sha256"):
        read_delta(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    config["base"]["sha256"] = "0" * 64
    (tmp_path / "config.json").write_text(json.dumps(config), "utf-8")
    with pytest.raises(CheckpointError, match="another base model"):
        read_delta(tmp_path)


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    delta = SimpleNamespace(config={"kind": "oracle", "prefix": ""}, tensors={})
    with pytest.raises(CheckpointError, match="oracle"):
        build_checkpoint(base_model_dir(), delta, tmp_path)  # type: ignore[arg-type]


def test_a_splade_loads_in_sentence_transformers_and_in_odqa(tmp_path: Path) -> None:
    from sentence_transformers import SparseEncoder

    from odqa.encoders.sparse import SparseTextEncoder

    generator = torch.Generator().manual_seed(1)
    head = "cls.predictions.transform"
    heads = {
        f"{head}.dense.weight": torch.randn(384, 384, generator=generator) / 20,
        f"{head}.dense.bias": torch.zeros(384),
        f"{head}.LayerNorm.weight": torch.ones(384),
        f"{head}.LayerNorm.bias": torch.zeros(384),
        "cls.predictions.bias": torch.full((30_522,), -2.0),
    }
    folder = _built(tmp_path, {"kind": "splade", "prefix": "bert.", "max_length": 96}, heads)
    home = SparseEncoder(str(folder), device="cpu")
    assert home.max_seq_length == 96
    expected = home.encode_document(TEXTS, convert_to_sparse_tensor=False)
    encoder = SparseTextEncoder(str(folder))
    encoder.load()
    found = torch.zeros_like(expected)
    for row, vector in zip(found, encoder.encode_queries(TEXTS, ["a", "b"]), strict=True):
        row[vector[:, 0].astype(int)] = torch.from_numpy(vector[:, 1])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert 0 < (found > 0).sum() < found.numel() / 2
