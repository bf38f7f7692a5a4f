"""Every key of the settings of a sparse checkpoint: obeyed, refused by name, or of no effect.

Obeyed: odqa's vectors change, and equal those of sentence-transformers' SparseEncoder.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from odqa.cache import Cache
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.checkpoints.sparse_settings import read_sparse_settings
from odqa.encoders.sparse import SparseTextEncoder
from odqa.errors import CheckpointError
from odqa.testing.tiny_checkpoints import tiny_bert

TEXTS = ["Who BUILT the old bridge", "the king", "the river flows through the old city " * 8]
ENCODER, LIBRARY = "sentence_bert_config.json", "config_sentence_transformers.json"
POOL, MODULES, ROUTER = "1_SpladePooling/config.json", "modules.json", "router_config.json"
TOKENIZER, CONFIG = "tokenizer_config.json", "config.json"
STATES = {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}

OBEYED: list[tuple[str, str, Any]] = [
    (ENCODER, "max_seq_length", 9),
    (ENCODER, "processor_kwargs", {"model_max_length": 7}),
    (POOL, "pooling_strategy", "sum"),
    (POOL, "activation_function", "log1p_relu"),
    (LIBRARY, "prompts", {"query": "who wrote: ", "document": "the poem: "}),
    (TOKENIZER, "do_lower_case", False),
    (CONFIG, "num_hidden_layers", 1),
    (CONFIG, "hidden_act", "relu"),
]
REFUSED: list[tuple[str, str, Any, str]] = [
    (ENCODER, "transformer_task", "feature-extraction", "transformer_task"),
    (ENCODER, "transformer_task", None, "fill-mask"),
    (ENCODER, "modality_config", STATES, "modality_config"),
    (ENCODER, "module_output_name", "scores", "module_output_name"),
    (ENCODER, "config_kwargs", {"num_hidden_layers": 1}, "config_kwargs"),
    (ENCODER, "max_sequence_length", 9, "max_sequence_length"),
    (POOL, "pooling_strategy", "mean", "pooling_strategy"),
    (POOL, "activation_function", "gelu", "activation_function"),
    (POOL, "include_prompt", False, "include_prompt"),
    (LIBRARY, "similarity_fn_name", "cosine", "similarity_fn_name"),
    (LIBRARY, "similarity_fn_name", "euclidean", "similarity_fn_name"),
    (LIBRARY, "model_type", "SentenceTransformer", "model_type"),
    (LIBRARY, "prompts", {"query": 1}, "query"),
    (LIBRARY, "default_prompt_name", "absent", "default_prompt_name"),
]
NO_EFFECT: list[tuple[str, str, Any]] = [
    (POOL, "embedding_dimension", 7),
    (POOL, "word_embedding_dimension", 7),
    (POOL, "chunk_size", 2),
    (LIBRARY, "similarity_fn_name", "dot"),
    (LIBRARY, "default_prompt_name", "document"),
    (LIBRARY, "truncate_dim", 3),
    (ENCODER, "model_kwargs", {"attn_implementation": "eager"}),
]
HOME_KEYS = {"SpladePooling": POOL}


def write(path: Path, key: str, value: object) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, key: value}), encoding="utf-8")


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As SparseEncoder saves a masked language model."""
    from sentence_transformers import SparseEncoder

    folder = tmp_path_factory.mktemp("sparse")
    mlm = tiny_bert(folder / "mlm", "BertForMaskedLM")
    SparseEncoder(str(mlm), device="cpu").save(str(folder / "saved"))
    return folder / "saved"


@pytest.fixture(scope="module")
def routed(saved: Path) -> Path:
    """Static weights for questions, a masked language model for passages."""
    from sentence_transformers import SparseEncoder
    from sentence_transformers.sparse_encoder.modules import Router, SparseStaticEmbedding

    home = SparseEncoder(str(saved), device="cpu")
    size = len(home.tokenizer)
    weight = torch.rand(size, generator=torch.Generator().manual_seed(2)) - 0.2
    router = Router.for_query_document(
        [SparseStaticEmbedding(home.tokenizer, weight)], list(home.children())
    )
    SparseEncoder(modules=[router], device="cpu").save(str(saved.parent / "routed"))
    return saved.parent / "routed"


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "copy"))


@pytest.fixture
def router(routed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(routed, tmp_path / "router"))


def dense(vectors: list[np.ndarray], size: int) -> np.ndarray:
    out = np.zeros((len(vectors), size), np.float32)
    for row, vector in zip(out, vectors, strict=True):
        row[vector[:, 0].astype(int)] = vector[:, 1]
    return out


def ours(folder: Path, **options: Any) -> np.ndarray:
    """Questions, then the same texts as passages: float32 [2, texts, vocabulary]."""
    encoder = SparseTextEncoder(str(folder), **options)
    encoder.load(Cache(enabled=False))
    ids = list(map(str, range(len(TEXTS))))
    shard = encoder.encode_passages(TEXTS, ids)
    passages = np.split(shard.vectors, shard.counts.cumsum()[:-1])
    both = (encoder.encode_queries(TEXTS, ids), passages)
    return np.stack([dense(each, encoder.vocabulary) for each in both])


def theirs(folder: Path, **options: Any) -> np.ndarray:
    from sentence_transformers import SparseEncoder

    home = SparseEncoder(str(folder), device="cpu", **options)
    encode: list[Callable[..., torch.Tensor]] = [home.encode_query, home.encode_document]
    return np.stack([each(TEXTS, convert_to_sparse_tensor=False).numpy() for each in encode])


def test_a_plain_masked_language_model(saved: Path) -> None:
    mlm = saved.parent / "mlm"
    np.testing.assert_allclose(ours(mlm), theirs(mlm), atol=1e-5)
    assert 0 < np.count_nonzero(ours(mlm)) < ours(mlm).size


def test_a_saved_sparse_encoder(saved: Path) -> None:
    np.testing.assert_allclose(ours(saved), theirs(saved), atol=1e-5)


def test_separate_routes(routed: Path) -> None:
    found = ours(routed)
    np.testing.assert_allclose(found, theirs(routed), atol=1e-5)
    assert not np.allclose(found[0], found[1])
    # Weights below 0 are weights too.
    assert (found[0] < 0).any()


def test_the_most_terms(saved: Path) -> None:
    found = ours(saved, query_terms=4, passage_terms=4)
    np.testing.assert_allclose(found, theirs(saved, max_active_dims=4), atol=1e-5)
    assert (np.count_nonzero(found, axis=2) == 4).all()


def test_another_length(saved: Path) -> None:
    found = ours(saved, max_length=6)
    from sentence_transformers import SparseEncoder

    home = SparseEncoder(str(saved), device="cpu")
    home.max_seq_length = 6
    expected = home.encode_document(TEXTS, convert_to_sparse_tensor=False)
    np.testing.assert_allclose(found[1], expected.numpy(), atol=1e-5)


@pytest.mark.parametrize(("file", "key", "value"), OBEYED, ids=lambda v: str(v)[:40])
def test_obeyed(saved: Path, copy: Path, file: str, key: str, value: Any) -> None:
    if key == "do_lower_case":
        # transformers reads it only where there is no complete tokenizer.
        (copy / "tokenizer.json").unlink()
    write(copy / file, key, value)
    found = ours(copy)
    assert not np.allclose(found, ours(saved))
    np.testing.assert_allclose(found, theirs(copy), atol=1e-5)


@pytest.mark.parametrize(("file", "key", "value", "named"), REFUSED, ids=lambda v: str(v)[:40])
def test_refused(copy: Path, file: str, key: str, value: Any, named: str) -> None:
    write(copy / file, key, value)
    with pytest.raises(CheckpointError, match=named):
        ours(copy)


@pytest.mark.parametrize(("file", "key", "value"), NO_EFFECT, ids=lambda v: str(v)[:40])
def test_of_no_effect(saved: Path, copy: Path, file: str, key: str, value: Any) -> None:
    write(copy / file, key, value)
    np.testing.assert_array_equal(ours(copy), ours(saved))


def test_there_are_no_other_keys() -> None:
    from sentence_transformers.sparse_encoder import modules

    listed = {key for _, key, *_ in [*OBEYED, *REFUSED, *NO_EFFECT]}
    assert set(modules.SpladePooling.config_keys) <= listed
    assert set(modules.SpladePooling.config_key_renames) <= listed
    assert modules.SparseStaticEmbedding.config_keys == ["frozen"]
    assert modules.Router.config_keys == ["default_route", "allow_empty_key", "route_mappings"]


def test_old_names_of_the_modules(copy: Path, saved: Path) -> None:
    modules = json.loads((copy / MODULES).read_text(encoding="utf-8"))
    modules[0]["type"] = "sentence_transformers.sparse_encoder.models.MLMTransformer"
    modules[1]["type"] = "sentence_transformers.sparse_encoder.models.SpladePooling"
    (copy / MODULES).write_text(json.dumps(modules), encoding="utf-8")
    (copy / ENCODER).write_text(json.dumps({"max_seq_length": 256, "do_lower_case": False}))
    np.testing.assert_allclose(ours(copy), ours(saved), atol=1e-6)


def test_a_model_at_the_root_of_a_router(router: Path, routed: Path) -> None:
    """As the checkpoints of OpenSearch have it: the model's name is the empty one."""
    model = router / "document_0_Transformer"
    for file in model.iterdir():
        file.replace(router / file.name)
    text = (router / ROUTER).read_text(encoding="utf-8")
    (router / ROUTER).write_text(text.replace("document_0_Transformer", ""), encoding="utf-8")
    np.testing.assert_array_equal(ours(router), ours(routed))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda c: c["parameters"].update(route_mappings={"('query', 'text')": "query"}), "mapp"),
        (lambda c: c["structure"].pop("query"), "no route 'query'"),
        (lambda c: c["types"].update(document_0_Transformer="own.Code"), "code of its own"),
        (lambda c: c["structure"]["document"].pop(), "its modules are Transformer"),
        (lambda c: c["parameters"].update(other=1), "unknown setting 'other'"),
        (lambda c: c["structure"].update(document=["../x"]), "outside"),
    ],
)
def test_a_router_of_another_kind(
    router: Path, change: Callable[[Any], object], named: str
) -> None:
    content = json.loads((router / ROUTER).read_text(encoding="utf-8"))
    change(content)
    (router / ROUTER).write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(CheckpointError, match=named):
        ours(router)


def test_static_weights_by_word_are_refused(router: Path) -> None:
    write(router / "query_0_SparseStaticEmbedding/config.json", "path", "idf.json")
    with pytest.raises(CheckpointError, match=r"path is 'idf\.json'"):
        ours(router)


@pytest.mark.parametrize("weights", [torch.ones(5), torch.ones(5, 2)])
def test_static_weights_of_another_size(router: Path, weights: torch.Tensor) -> None:
    from safetensors.torch import save_file

    path = router / "query_0_SparseStaticEmbedding/model.safetensors"
    save_file({"weight": weights}, path)
    with pytest.raises(CheckpointError, match="static weights"):
        ours(router)


def test_a_model_without_the_head(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="AutoModelForMaskedLM"):
        ours(tiny_bert(tmp_path / "plain"))


def test_pooling_of_dense_vectors_is_refused(tmp_path: Path) -> None:
    from odqa.checkpoints.base_model import base_model_dir

    with pytest.raises(CheckpointError, match=r"model_type|modules are"):
        read_sparse_settings(base_model_dir(), "embedded:minilm")


def test_a_length_above_the_model(saved: Path) -> None:
    with pytest.raises(CheckpointError, match="max_length is 513"):
        ours(saved, max_length=513)


def test_the_folder_of_a_router_is_complete(routed: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert resolve_checkpoint(str(routed)) == routed
    assert not caplog.records
