from __future__ import annotations

import torch

from odqa.cache import Cache
from odqa.data.load import DataConfig, load_dataset
from odqa.encoders.splade_pooling import splade_pooled
from odqa.training.data.length_buckets import bucket_by_length, tokenise
from odqa.training.model.base_encoder import base_encoder, base_tokenizer
from odqa.training.model.mlm_head import _logit_moments, _states, fit_mlm_head


def test_a_fitted_head_says_the_words_of_a_text() -> None:
    dataset = load_dataset(DataConfig.from_name("embedded"), Cache(enabled=False))
    tokenizer = base_tokenizer()
    encoded = tokenise(tokenizer, [p.full_text for p in dataset.corpus.slice(0, 60)], None, 64)
    encoded.pop("token_type_ids")
    batches = bucket_by_length(encoded, tokenizer.pad_token_id)["buckets"]
    model = base_encoder("AutoModelForMaskedLM", 0.0)
    fit_mlm_head(model, batches, scale=8.0, threshold=5.0)
    inputs = tokenizer("a barn of black brick", return_tensors="pt")
    with torch.no_grad():
        (weights,) = splade_pooled(model(**inputs).logits, inputs["attention_mask"])
    best = tokenizer.convert_ids_to_tokens(weights.topk(6).indices.tolist())
    assert {"barn", "black", "brick"} <= set(best)
    # Sparse from the start, and a word that is everywhere is no mark of this text.
    assert 3 < int((weights > 0).sum()) < 500
    assert (
        weights[tokenizer.convert_tokens_to_ids("of")]
        < weights[tokenizer.convert_tokens_to_ids("barn")]
    )


def test_moments_of_logits_are_those_of_the_logits() -> None:
    model = base_encoder("AutoModelForMaskedLM", 0.0).eval()
    tokenizer = base_tokenizer()
    encoded = tokenizer(["who wrote it", "a king"], padding=True, return_tensors="pt")
    encoded.pop("token_type_ids")
    with torch.no_grad():
        states, ids = _states(model, [dict(encoded)])
        logits = model(**encoded).logits[encoded["attention_mask"].bool()]
        mean, deviation = _logit_moments(model, states, model.get_input_embeddings().weight)
    assert ids.tolist() == encoded["input_ids"][encoded["attention_mask"].bool()].tolist()
    torch.testing.assert_close(mean, logits.mean(0), atol=1e-4, rtol=0)
    torch.testing.assert_close(deviation, logits.std(0), atol=1e-3, rtol=1e-3)
    assert deviation.max() > 0.01
