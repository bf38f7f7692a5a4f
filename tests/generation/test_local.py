"""Local models against transformers itself, and batches against one prompt at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from odqa.cache import Cache
from odqa.errors import CheckpointError, ComponentError
from odqa.generation.language_model import Prompt
from odqa.generation.local import LocalModel, load_local_model
from odqa.meters.meter import Meter
from odqa.testing.tiny_checkpoints import tiny_bert
from odqa.testing.tiny_language_models import CHAT_TEMPLATE, tiny_lm

PROMPTS = [
    Prompt("who built the tower"),
    Prompt("in"),
    Prompt("Question: which river flows through the city built by the king\nAnswer:"),
    Prompt("x" * 60),
]


def load(folder: Path, **options: Any) -> LocalModel:
    settings: dict[str, Any] = {
        "chat_template": True,
        "batch_size": 3,
        "device": "cpu",
        "precision": "float32",
    }
    return load_local_model(str(folder), Cache(enabled=False), **settings | options)


def by_transformers(folder: Path, text: str, new: int, **options: Any) -> str:
    """What ``generate`` of transformers gives for a single prompt."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    inputs = tokenizer(text, return_tensors="pt", **options)
    inputs.pop("token_type_ids", None)
    output = model.generate(**inputs, max_new_tokens=new, do_sample=False, pad_token_id=0)
    return str(
        tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    )


@pytest.mark.parametrize("kind", ["GPT2", "Llama"])
@pytest.mark.parametrize("seed", [0, 1])
def test_equals_transformers_and_no_batch_matters(tmp_path: Path, kind: str, seed: int) -> None:
    folder = tiny_lm(tmp_path, kind, seed=seed)
    model = load(folder)
    together = model.complete(PROMPTS, max_tokens=12)
    for prompt, completion in zip(PROMPTS, together, strict=True):
        assert completion.text == by_transformers(folder, prompt.text, 12)
        assert model.complete([prompt], max_tokens=12) == [completion]
    assert len({completion.text for completion in together}) > 1


def test_a_chat_template_is_obeyed(tmp_path: Path) -> None:
    folder = tiny_lm(tmp_path, "Llama", chat_template=CHAT_TEMPLATE)
    prompt = Prompt("who built it", "Answer briefly.")
    text = "<system> Answer briefly. </s> <user> who built it </s> <assistant> "
    tokenizer = AutoTokenizer.from_pretrained(folder)
    messages = [
        {"role": "system", "content": prompt.instruction},
        {"role": "user", "content": prompt.text},
    ]
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True)
    expected = by_transformers(folder, text, 8, add_special_tokens=False)
    (completion,) = load(folder).complete([prompt], max_tokens=8)
    assert (completion.text, completion.prompt_tokens) == (expected, len(ids))
    (plain,) = load(folder, chat_template=False).complete([prompt], max_tokens=8)
    assert plain.text == by_transformers(folder, prompt.plain, 8)
    assert plain.text != completion.text


def test_a_template_without_system_message_gets_the_instruction_in_the_text(
    tmp_path: Path,
) -> None:
    refusing = (
        "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
        + CHAT_TEMPLATE
    )
    folder = tiny_lm(tmp_path, "Llama", chat_template=refusing)
    text = "<user> Be brief.\n\nwho </s> <assistant> "
    model = load(folder)
    (completion,) = model.complete([Prompt("who", "Be brief.")], max_tokens=6)
    assert completion.text == by_transformers(folder, text, 6, add_special_tokens=False)
    assert model.facts()["prompt"] == "chat template without system message"


def test_a_broken_template_is_one_line(tmp_path: Path) -> None:
    folder = tiny_lm(tmp_path, chat_template="{{ raise_exception('mine') }}")
    with pytest.raises(CheckpointError, match=r"its chat template fails.*chat_template: false"):
        load(folder)


def test_ends_at_a_stop_text_and_counts_no_more_tokens(tmp_path: Path) -> None:
    model = load(tiny_lm(tmp_path))
    (whole,) = model.complete(PROMPTS[:1], max_tokens=12)
    assert (whole.completion_tokens, whole.is_cut) == (12, True)
    mark = whole.text[len(whole.text) // 2]
    (cut,) = model.complete(PROMPTS[:1], max_tokens=12, stop=(mark,))
    assert cut.text == whole.text[: whole.text.index(mark)]
    assert 0 < cut.completion_tokens < 12
    assert not cut.is_cut
    assert model.complete(PROMPTS, max_tokens=12, stop=(mark,))[0] == cut


def test_ends_at_the_end_of_text(tmp_path: Path) -> None:
    folder = tiny_lm(tmp_path)
    (whole,) = load(folder).complete(PROMPTS[:1], max_tokens=12)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    inputs = tokenizer(PROMPTS[0].text, return_tensors="pt")["input_ids"]
    reference = AutoModelForCausalLM.from_pretrained(folder)
    output = reference.generate(inputs, max_new_tokens=12, do_sample=False, pad_token_id=0)
    new = output[0, inputs.shape[1] :].tolist()
    end = next(token for token in new if token != new[0])
    settings = json.loads((folder / "generation_config.json").read_text())
    (folder / "generation_config.json").write_text(json.dumps({**settings, "eos_token_id": [end]}))
    (ended,) = load(folder).complete(PROMPTS[:1], max_tokens=12)
    assert ended.completion_tokens == new.index(end) + 1
    assert whole.text.startswith(ended.text)
    assert not ended.is_cut


def test_choices_have_the_probabilities_of_the_next_token(tmp_path: Path) -> None:
    folder = tiny_lm(tmp_path, "Llama")
    model = load(folder)
    values = model.choose(PROMPTS, ("Yes", "No"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    reference = AutoModelForCausalLM.from_pretrained(folder).eval()
    for prompt, (yes, no) in zip(PROMPTS, values, strict=True):
        ids = tokenizer(prompt.text)["input_ids"]
        with torch.inference_mode():
            logits = reference(torch.tensor([ids])).logits[0, -1]
        for choice, value in ((" Yes", yes), (" No", no)):
            token = tokenizer(prompt.text + choice)["input_ids"][len(ids)]
            assert value == pytest.approx(float(logits.log_softmax(-1)[token]), abs=1e-4)
    with pytest.raises(ComponentError, match="begin with the same token"):
        model.choose(PROMPTS[:1], ("Yes", "Yes"))


def test_says_how_many_tokens_there_were(tmp_path: Path) -> None:
    folder = tiny_lm(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    with Meter() as meter:
        load(folder).complete(PROMPTS, max_tokens=5)
    usage = meter.spent.usage
    assert usage is not None
    assert usage.prompt_tokens == sum(len(tokenizer(p.text)["input_ids"]) for p in PROMPTS)
    assert (usage.requests, usage.completion_tokens, usage.price) == (4, 20, 0.0)


def test_cost_is_that_of_its_shapes(tmp_path: Path) -> None:
    folder = tiny_lm(tmp_path, "Llama")
    model = load(folder)
    prompt = Prompt("in the")
    tokens = len(AutoTokenizer.from_pretrained(folder)("in the")["input_ids"])
    # A layer: queries and output 32 x 32, keys and values 32 x 16 (2 of 4 heads), feed-forward
    # 3 x 32 x 48.
    matrices = 2 * (2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 48)
    passed = tokens + 3 - 1
    flop = 2 * matrices * passed + 4 * 32 * 2 * passed * (passed + 1) / 2
    flop += 2 * 32 * len(AutoTokenizer.from_pretrained(folder)) * 3
    cost = model.cost([prompt], 3)
    assert cost.gflop == pytest.approx(flop / 1e9)
    assert cost.parameters == AutoModelForCausalLM.from_pretrained(folder).num_parameters()


def test_a_prompt_that_is_too_long_is_refused(tmp_path: Path) -> None:
    model = load(tiny_lm(tmp_path, context=32))
    with pytest.raises(ComponentError, match=r"takes 32 tokens, a prompt has \d+ and its answer"):
        model.complete([Prompt("x y z " * 20)], max_tokens=4)


def test_a_penalty_of_the_checkpoint_is_obeyed_and_sampling_is_not(tmp_path: Path) -> None:
    folder = tiny_lm(tmp_path)
    before = load(folder).complete(PROMPTS, max_tokens=12)
    path = folder / "generation_config.json"
    settings = json.loads(path.read_text())
    drawn = {"do_sample": True, "temperature": 2.0, "top_p": 0.5}
    path.write_text(json.dumps({**settings, **drawn}))
    assert load(folder).complete(PROMPTS, max_tokens=12) == before
    path.write_text(json.dumps({**settings, **drawn, "repetition_penalty": 5.0}))
    after = load(folder).complete(PROMPTS, max_tokens=12)
    assert after != before
    assert after[0].text == by_transformers(folder, PROMPTS[0].text, 12)


def test_scores_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tiny_lm(tmp_path)
    path = folder / "model.safetensors"
    weights = load_file(path)
    weights["transformer.ln_f.weight"][:] = float("nan")
    save_file(weights, path, metadata={"format": "pt"})
    model = load(folder)
    with pytest.raises(CheckpointError, match="no finite number"):
        model.complete(PROMPTS, max_tokens=2)
    with pytest.raises(CheckpointError, match="no finite number"):
        model.choose(PROMPTS, ("Yes", "No"))


def test_another_kind_of_checkpoint_is_refused(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path, "BertForSequenceClassification")
    with pytest.raises(CheckpointError, match="AutoModelForCausalLM"):
        load(folder)
