"""Every key of every settings file that the home libraries read: obeyed, refused, or of no effect.

Each row is a key and a value that is not the usual one. Obeyed: odqa's vectors or scores change,
and equal those of the home library. Refused: one line that names the key. No effect: odqa's do not
change, nor do the home library's.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from odqa.checkpoints.late_interaction_settings import (
    LateInteractionSettings,
    read_pylate_settings,
    read_settings,
)
from odqa.checkpoints.sentence_settings import POOLING_MODES
from odqa.encoders.late_interaction import LateInteractionEncoder
from odqa.encoders.text import TextEncoder
from odqa.errors import CheckpointError
from odqa.testing.tiny_checkpoints import tiny_colbert, tiny_pylate

MakeFolder = Callable[..., Path]

TEXTS = ["Who BUILT the old bridge", "the king", "the river flows through the old city " * 8]

ENCODER, LIBRARY = "sentence_bert_config.json", "config_sentence_transformers.json"
POOL, MODULES = "1_Pooling/config.json", "modules.json"
TOKENIZER, CONFIG = "tokenizer_config.json", "config.json"
TEXT_STATES = {"text": {"method": "forward", "method_output_name": "last_hidden_state"}}

OBEYED: list[tuple[str, str, Any]] = [
    (ENCODER, "max_seq_length", 9),
    (ENCODER, "max_seq_length", None),
    (ENCODER, "processor_kwargs", {"model_max_length": 7}),
    (ENCODER, "tokenizer_args", {"model_max_length": 7}),
    *((POOL, "pooling_mode", mode) for mode in POOLING_MODES if mode != "mean"),
    (POOL, "pooling_mode", ["mean", "max"]),
    (POOL, "pooling_mode_cls_token", True),
    (POOL, "pooling_mode_max_tokens", True),
    (POOL, "pooling_mode_mean_sqrt_len_tokens", True),
    (POOL, "pooling_mode_weightedmean_tokens", True),
    (POOL, "pooling_mode_lasttoken", True),
    (LIBRARY, "truncate_dim", 5),
    (LIBRARY, "prompts", {"query": "who wrote: ", "document": "the poem: "}),
    (TOKENIZER, "truncation_side", "left"),
    (TOKENIZER, "do_lower_case", False),
    (CONFIG, "num_hidden_layers", 1),
    (CONFIG, "layer_norm_eps", 0.5),
    (CONFIG, "hidden_act", "relu"),
]
REFUSED: list[tuple[str, str, Any, str]] = [
    (ENCODER, "tokenizer_name_or_path", "bert-base-uncased", "tokenizer_name_or_path"),
    (ENCODER, "transformer_task", "text-generation", "transformer_task"),
    (ENCODER, "modality_config", {"message": {}}, "modality_config"),
    (ENCODER, "module_output_name", "sentence_embedding", "module_output_name"),
    (ENCODER, "processing_kwargs", {"text": {"truncation": False}}, "processing_kwargs"),
    (ENCODER, "model_args", {"add_pooling_layer": False}, "model_args"),
    (ENCODER, "model_kwargs", {"subfolder": "x"}, "model_kwargs"),
    (ENCODER, "config_args", {"num_hidden_layers": 1}, "config_args"),
    (ENCODER, "config_kwargs", {"num_hidden_layers": 1}, "config_kwargs"),
    (ENCODER, "processor_kwargs", {"use_fast": False}, "processor_kwargs"),
    (ENCODER, "max_seq_length", 0, "max_seq_length"),
    (ENCODER, "max_seq_length", "512", "max_seq_length"),
    (ENCODER, "do_lower_case", "yes", "do_lower_case"),
    (ENCODER, "max_sequence_length", 9, "max_sequence_length"),
    (POOL, "pooling_mode", "median", "pooling_mode"),
    (POOL, "pooling_mode_first_tokens", True, "pooling_mode_first_tokens"),
    (POOL, "include_prompt", "no", "include_prompt"),
    (LIBRARY, "similarity_fn_name", "manhattan", "similarity_fn_name"),
    (LIBRARY, "similarity_fn_name", "euclidean", "similarity_fn_name"),
    (LIBRARY, "truncate_dim", -1, "truncate_dim"),
    (LIBRARY, "prompts", ["q: "], "prompts"),
    (LIBRARY, "prompts", {"query": 1}, "query"),
    (LIBRARY, "default_prompt_name", "absent", "default_prompt_name"),
    (LIBRARY, "model_type", "SparseEncoder", "model_type"),
    (TOKENIZER, "model_max_length", "long", "tokenizer"),
    (TOKENIZER, "model_max_length", 0, "tokenizer|model_max_length"),
    (TOKENIZER, "padding_side", "middle", "tokenizer"),
]
NO_EFFECT: list[tuple[str, str, Any]] = [
    (ENCODER, "unpad_inputs", False),
    (ENCODER, "modality_config", TEXT_STATES),
    (ENCODER, "module_output_name", None),
    (ENCODER, "model_args", {"torch_dtype": "float32", "trust_remote_code": True}),
    (ENCODER, "model_kwargs", {"attn_implementation": "eager"}),
    (ENCODER, "transformer_task", "feature-extraction"),
    (ENCODER, "tokenizer_name_or_path", None),
    (POOL, "word_embedding_dimension", 32),
    (LIBRARY, "__version__", {"sentence_transformers": "2.2.2"}),
    (LIBRARY, "model_type", "SentenceTransformer"),
    (LIBRARY, "similarity_fn_name", "dot"),
    (LIBRARY, "default_prompt_name", "document"),
    (LIBRARY, "something_new", 1),
    (TOKENIZER, "padding_side", "left"),
    (CONFIG, "return_dict", False),
    (CONFIG, "torch_dtype", "bfloat16"),
    (CONFIG, "use_cache", False),
]
#: Keys of the home library's classes, so that a new one does not go unnoticed.
HOME_KEYS = {
    "Transformer": ENCODER,
    "Pooling": POOL,
}


def write(path: Path, content: object) -> None:
    """JSON into a file."""
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture(scope="module")
def usual(make_usual: Path) -> np.ndarray:
    """Vectors of the folder that the rows change."""
    return own(make_usual)


def own(folder: Path) -> np.ndarray:
    """Vectors of questions, then of passages, with the checkpoint's prompts."""
    encoder = TextEncoder(str(folder), pooling="auto", normalize=None, max_length=None)
    encoder.load()
    settings = encoder.settings
    return np.concatenate(
        [encoder.encode(TEXTS, prompt=p) for p in (settings.query_prompt, settings.passage_prompt)]
    )


def home(folder: Path) -> np.ndarray:
    """The same from sentence-transformers."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    # One by one: without padding, which moves BERT's positions where it is on the left.
    vectors = [model.encode_query(text) for text in TEXTS]
    return np.stack(vectors + [model.encode_document(text) for text in TEXTS])


def changed(make_folder: MakeFolder, file: str, key: str, value: object) -> Path:
    """A folder with one key set."""
    folder = make_folder()
    path = folder / file
    content = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    if file == POOL and key != "pooling_mode" and key.startswith("pooling_mode"):
        content.pop("pooling_mode_mean_tokens")
    write(path, {**content, key: value})
    return folder


@pytest.mark.parametrize(("file", "key", "value"), OBEYED)
def test_obeyed(
    make_folder: MakeFolder, usual: np.ndarray, file: str, key: str, value: object
) -> None:
    folder = changed(make_folder, file, key, value)
    vectors, expected = own(folder), home(folder)
    np.testing.assert_allclose(vectors, expected, atol=2e-5)
    assert usual.shape != vectors.shape or np.abs(usual - vectors).max() > 1e-3


@pytest.mark.parametrize(("file", "key", "value", "named"), REFUSED)
def test_refused(make_folder: MakeFolder, file: str, key: str, value: object, named: str) -> None:
    with pytest.raises(CheckpointError, match=named) as caught:
        own(changed(make_folder, file, key, value))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("file", "key", "value"), NO_EFFECT)
def test_no_effect(
    make_folder: MakeFolder, usual: np.ndarray, file: str, key: str, value: object
) -> None:
    folder = changed(make_folder, file, key, value)
    np.testing.assert_allclose(own(folder), usual, atol=1e-6)
    # The home library computes in bf16 then, and wants its two keys of outputs together.
    if key not in ("torch_dtype", "modality_config", "module_output_name"):
        np.testing.assert_allclose(home(folder), usual, atol=2e-5)


#: Keys of its Transformer module since version 6, for late interaction.
SINCE_6 = frozenset(("query_expansion", "query_length", "document_length"))


def test_no_key_of_the_home_library_is_left_out() -> None:
    from sentence_transformers.models import Pooling, Transformer

    rows = [*OBEYED, *((f, k, v) for f, k, v, _ in REFUSED), *NO_EFFECT]
    for module in (Transformer, Pooling):
        in_table = {key for file, key, _ in rows if file == HOME_KEYS[module.__name__]}
        known = {"embedding_dimension": "word_embedding_dimension"}
        assert {known.get(key, key) for key in module.config_keys} - SINCE_6 <= in_table


@pytest.mark.parametrize("key", sorted(SINCE_6))
def test_keys_of_sentence_transformers_6_are_refused_by_name(
    make_folder: MakeFolder, key: str
) -> None:
    folder = make_folder(files={ENCODER: {"max_seq_length": 24, key: 8}})
    with pytest.raises(CheckpointError, match=key):
        own(folder)


def test_lower_case_is_obeyed(make_folder: MakeFolder, tmp_path: Path) -> None:
    """On a tokenizer that keeps capitals, where it matters."""
    lower = {"max_seq_length": 24, "do_lower_case": True}
    folders = [make_folder(), make_folder(files={ENCODER: lower})]
    for folder in folders:
        tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
        tokenizer["normalizer"]["lowercase"] = False
        write(folder / "tokenizer.json", tokenizer)
        options = json.loads((folder / TOKENIZER).read_text("utf-8"))
        write(folder / TOKENIZER, {**options, "do_lower_case": False})
    kept, lowered = (own(folder) for folder in folders)
    assert np.abs(kept - lowered).max() > 1e-3
    np.testing.assert_allclose(lowered, home(folders[1]), atol=2e-5)


@pytest.mark.parametrize("name", ["roberta", "distilbert", "camembert", "albert", "xlm-roberta"])
def test_older_names_of_the_encoders_file(
    make_folder: MakeFolder, usual: np.ndarray, name: str
) -> None:
    folder = make_folder(
        files={ENCODER: None, f"sentence_{name}_config.json": {"max_seq_length": 6}}
    )
    np.testing.assert_allclose(own(folder), home(folder), atol=2e-5)
    assert np.abs(usual - own(folder)).max() > 1e-3


def test_prompts_are_left_out_of_pooling_where_the_folder_says_so(make_folder: MakeFolder) -> None:
    prompts = {"prompts": {"query": "the poem: ", "document": "who wrote: "}}
    folder = make_folder(
        files={POOL: {"word_embedding_dimension": 32, "include_prompt": False}, LIBRARY: prompts}
    )
    np.testing.assert_allclose(own(folder), home(folder), atol=2e-5)
    with_prompts = own(make_folder(files={LIBRARY: prompts}))
    assert np.abs(with_prompts - own(folder)).max() > 1e-3


def test_a_prompt_of_another_name_is_warned_of(
    make_folder: MakeFolder, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make_folder(files={LIBRARY: {"prompts": {"query": "q ", "passage": "the poem "}}})
    np.testing.assert_allclose(own(folder), home(folder), atol=2e-5)
    assert "prompt 'passage' is not put before passages" in caplog.text


def test_unknown_keys_that_the_library_ignores_are_warned_of(
    make_folder: MakeFolder, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        own(make_folder(files={LIBRARY: {"something_new": 1}}))
    assert "'something_new' is unknown to sentence-transformers" in caplog.text


def test_a_cosine_of_vectors_without_unit_length_is_warned_of(
    make_folder: MakeFolder, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make_folder(files={LIBRARY: {"similarity_fn_name": "cosine"}})
    np.testing.assert_allclose(own(folder), home(folder), atol=2e-5)
    assert "similarity_fn_name is cosine" in caplog.text


@pytest.mark.parametrize(
    "kind",
    [
        *("WordEmbeddings", "LSTM", "CNN", "BoW", "WordWeights", "WeightedLayerPooling", "Router"),
        *("Asym", "StaticEmbedding", "CLIPModel", "SpladePooling", "MLMTransformer", "LogitScore"),
    ],
)
def test_modules_that_are_not_computed_are_named(make_folder: MakeFolder, kind: str) -> None:
    with pytest.raises(CheckpointError, match=f"module '{kind}' is not supported"):
        own(make_folder(kind))


COLBERT: dict[str, tuple[Any, str, Any]] = {
    # key of artifact.metadata: value, field of the settings, what it becomes
    "query_maxlen": (8, "query_maxlen", 8),
    "doc_maxlen": (20, "doc_maxlen", 20),
    "query_token_id": ("king", "query_token_id", "king"),
    "doc_token_id": ("king", "doc_token_id", "king"),
    "attend_to_mask_tokens": (True, "attend_to_mask_tokens", True),
    "mask_punctuation": (False, "mask_punctuation", False),
    "similarity": ("l2", "similarity", "l2"),
    "dim": (16, "dim", 16),
}


def test_every_key_of_colbert_ai_is_in_the_table(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its own dataclass lists the keys; those that change no score raise no warning either."""
    import dataclasses

    pytest.importorskip("colbert", reason="colbert-ai stops at transformers 4.57")
    from colbert.infra import ColBERTConfig

    keys = [field.name for field in dataclasses.fields(ColBERTConfig)]
    assert set(COLBERT) | {"interaction"} <= set(keys)
    others = {key: 3 for key in keys if key not in (*COLBERT, "interaction")}
    write(tmp_path / "artifact.metadata", {**others, "meta": {}})
    assert read_settings(tmp_path) == LateInteractionSettings()
    assert not caplog.records
    write(tmp_path / "artifact.metadata", {"query_length": 9})
    read_settings(tmp_path)
    assert "'query_length' is unknown to colbert-ai" in caplog.text


@pytest.mark.parametrize("key", COLBERT)
def test_keys_of_colbert_ai_are_obeyed(tmp_path: Path, key: str) -> None:
    value, field, expected = COLBERT[key]
    write(tmp_path / "artifact.metadata", {key: value})
    assert getattr(read_settings(tmp_path), field) == expected


@pytest.mark.parametrize(
    ("metadata", "named"),
    [
        ({"interaction": "flipr"}, "interaction is 'flipr'"),
        ({"dim": 8}, "dim is 8, its linear.weight makes 16 wide vectors"),
        ({"attend_to_mask_tokens": 1}, "attend_to_mask_tokens is 1"),
        ({"config": [1]}, "config is"),
        ({"query_maxlen": -1}, "query_maxlen is -1"),
    ],
)
def test_other_values_of_colbert_ai_are_refused(
    tmp_path: Path, metadata: dict[str, object], named: str
) -> None:
    folder = tiny_colbert(tmp_path / "colbert")
    write(folder / "artifact.metadata", metadata)
    with pytest.raises(CheckpointError, match=named):
        LateInteractionEncoder(str(folder)).load()


PYLATE: dict[str, tuple[Any, str, Any]] = {
    "query_prefix": ("", "query_token_id", ""),
    "document_prefix": ("king", "doc_token_id", "king"),
    "query_length": (8, "query_maxlen", 8),
    "document_length": (20, "doc_maxlen", 20),
    "attend_to_expansion_tokens": (True, "attend_to_mask_tokens", True),
    "skiplist_words": (["king"], "skipped", ("king",)),
    "do_query_expansion": (False, "expands", False),
}


@pytest.mark.parametrize("key", PYLATE)
def test_keys_of_pylate_are_obeyed(tmp_path: Path, key: str) -> None:
    value, field, expected = PYLATE[key]
    settings = read_pylate_settings(tiny_pylate(tmp_path / "pylate", **{key: value}))
    assert getattr(settings, field) == expected


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"similarity_fn_name": "XTR"}, "similarity_fn_name is 'XTR'"),
        ({"model_type": "SparseEncoder"}, "model_type is 'SparseEncoder'"),
        ({"default_prompt_name": "q", "prompts": {"q": "query: "}}, "default_prompt_name is 'q'"),
        ({"query_prefix": "[no such token] "}, "no token '\\[no such token\\] '"),
        ({"skiplist_words": "."}, "skiplist_words is"),
        ({"query_length": 0}, "query_length is 0"),
    ],
)
def test_other_values_of_pylate_are_refused(
    tmp_path: Path, settings: dict[str, Any], named: str
) -> None:
    with pytest.raises(CheckpointError, match=named):
        LateInteractionEncoder(str(tiny_pylate(tmp_path / "pylate", **settings))).load()
