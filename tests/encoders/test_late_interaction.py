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
from odqa.testing.tiny_checkpoints import tiny_bert, tiny_colbert, tiny_pylate

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
    assert "no ColBERT projection 'linear.weight' in the weights, and no module Dense" in line
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


def pylate_by_hand(folder: Path, pieces: list[str], attended: int) -> np.ndarray:
    """Token vectors of word pieces by transformers and the Dense modules as the folder has them.

    PyLate 1.6.0 gave the same to the last bit, for the folders of these tests.
    """
    from safetensors.torch import load_file
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    ids = torch.tensor([tokenizer.convert_tokens_to_ids(pieces)])
    mask = torch.tensor([[1] * attended + [0] * (len(pieces) - attended)])
    with torch.no_grad():
        states = model.eval()(ids, attention_mask=mask).last_hidden_state[0]
        for place in sorted(folder.glob("*_Dense")):
            weights = load_file(place / "model.safetensors")
            settings = json.loads((place / "config.json").read_text("utf-8"))
            out = states @ weights["linear.weight"].T + weights.get("linear.bias", 0)
            if settings["activation_function"].endswith("Tanh"):
                out = out.tanh()
            if settings.get("use_residual"):
                straight = states
                if "residual.weight" in weights:
                    straight = states @ weights["residual.weight"].T
                out = out + straight
            states = out
    return np.asarray(torch.nn.functional.normalize(states, dim=-1).numpy())


TANH = {"bias": True, "activation_function": "torch.nn.modules.activation.Tanh"}


@pytest.mark.parametrize(
    ("widths", "dense"),
    [((16,), {}), ((64, 16), TANH), ((64, 64, 16), {"use_residual": True})],
    ids=["one", "bias and tanh", "residual"],
)
def test_pylate_folders_with_any_dense_modules(
    tmp_path: Path, widths: tuple[int, ...], dense: dict[str, object]
) -> None:
    folder = tiny_pylate(tmp_path / "pylate", widths=widths, dense=dense)
    encoder = LateInteractionEncoder(str(folder))
    question = ["[CLS]", "[Q] ", "who", "built", "the", "bridge", "[SEP]", *["[MASK]"] * 9]
    assert encoder.query_tokens("who built the bridge") == question
    np.testing.assert_allclose(
        encoder.encode_queries(["who built the bridge"])[0],
        pylate_by_hand(folder, question, 7),
        atol=1e-5,
    )
    passage = ["[CLS]", "[D] ", "the", "king", ",", "who", "died", "!", "[SEP]"]
    shard = encoder.encode_passages(["the king, who died!"])
    kept = [0, 1, 2, 3, 5, 6, 8]
    expected = pylate_by_hand(folder, passage, 9)[kept]
    np.testing.assert_allclose(shard.vectors, expected, atol=1e-5)
    assert encoder.dim == 16


def test_pylates_settings_change_the_vectors_as_they_say(tmp_path: Path) -> None:
    question = ["[CLS]", "[Q] ", "the", "king", "[SEP]"]
    plain = tiny_pylate(tmp_path / "plain", do_query_expansion=False)
    vectors = LateInteractionEncoder(str(plain)).encode_queries(["the king"])[0]
    np.testing.assert_allclose(vectors[:5], pylate_by_hand(plain, question, 5), atol=1e-5)
    assert not vectors[5:].any()
    seen = tiny_pylate(tmp_path / "seen", attend_to_expansion_tokens=True)
    filled = [*question, *["[MASK]"] * 11]
    np.testing.assert_allclose(
        LateInteractionEncoder(str(seen)).encode_queries(["the king"])[0],
        pylate_by_hand(seen, filled, 16),
        atol=1e-5,
    )
    bare = tiny_pylate(
        tmp_path / "bare", query_prefix="", document_prefix="", skiplist_words=["king"]
    )
    encoder = LateInteractionEncoder(str(bare))
    assert encoder.query_tokens("the king")[:4] == ["[CLS]", "the", "king", "[SEP]"]
    assert encoder.passage_tokens("the king, the queen")[:3] == ["[CLS]", "the", ","]
    assert len(encoder.passage_tokens("river " * 99)) == 48
    assert encoder.passage_spans("the king")[:2] == [(0, 0), (0, 3)]


def test_pylate_ranks_and_explains(tmp_path: Path) -> None:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus
    from odqa.rankers.colbert import ColbertConfig, ColbertRanker
    from odqa.types import Hit, Passage, Query

    folder = tiny_pylate(tmp_path / "pylate", do_query_expansion=False)
    ranker = ColbertRanker(ColbertConfig(checkpoint=str(folder)))
    corpus = Corpus.from_passages([Passage("a", "the river"), Passage("b", "a king died")])
    ranker.prepare(corpus, Cache(tmp_path / "cache"))
    question = Query("q", "who died")
    ranked = ranker.rank([question], [[Hit("a", 0.0), Hit("b", 0.0)]], 2)[0]
    encoder = LateInteractionEncoder(str(folder))
    # [CLS] [Q] who died [SEP]
    query = encoder.encode_queries([question.text])[0][:5]
    for hit in ranked:
        tokens = encoder.encode_passages([corpus.get(hit.passage_id).full_text]).vectors
        by_hand = (query @ tokens.T).max(axis=1).sum()
        # The store keeps float16.
        assert hit.score == pytest.approx(by_hand, abs=2e-2)
    (explanation,) = ranker.explain([question], [ranked[:1]])[0]
    assert len(explanation.matches) <= 5
    matches = ranker.align(question, corpus.get("b"))
    assert [match.query_token for match in matches] == ["[CLS]", "[Q] ", "who", "died", "[SEP]"]


def test_a_sentence_encoder_is_no_late_interaction_checkpoint(tmp_path: Path) -> None:
    folder = tiny_pylate(tmp_path / "pylate")
    modules = json.loads((folder / "modules.json").read_text("utf-8"))
    (folder / "1_Pooling").mkdir()
    modules[1:1] = [{"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    assert "no ColBERT projection" in one_line(folder)
