"""A causal language model of transformers that runs here: greedy, in batches padded on the left."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from odqa.checkpoints.fingerprint import checkpoint_fingerprint
from odqa.checkpoints.load import load_model, load_tokenizer, parameter_count, position_limit
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.devices import device_and_dtype, device_facts, device_identity
from odqa.encoders.batches import equal_batches
from odqa.encoders.finite import not_finite_cure
from odqa.encoders.generator_flops import causal_gflop
from odqa.encoders.read_out import read_out_from
from odqa.errors import CheckpointError, ComponentError
from odqa.generation.chat import ChatFormat, chat_format
from odqa.generation.language_model import Completion, LanguageModel, Prompt
from odqa.interfaces import Cost, Device, Precision
from odqa.meters.usage import Usage

if TYPE_CHECKING:
    import torch

    from odqa.cache import Cache


class LocalModel(LanguageModel):
    """A model on its device and its tokenizer; made by `load_local_model`.

    Settings of a checkpoint that concern sampling (``temperature``, ``top_p``) have no effect,
    since the likeliest token is always taken; others, such as a repetition penalty, are obeyed.
    """

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        name: str,
        *,
        fingerprint: str,
        chat: ChatFormat | None,
        batch_size: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._name = name
        self._fingerprint = fingerprint
        self._chat = chat
        self._batch_size = batch_size
        self._device = device
        self._dtype = dtype
        self._lock = threading.Lock()
        self.parameters = parameter_count(model)
        self.context = position_limit(model.config)
        self.is_chat = chat is not None

    def identity(self) -> dict[str, object]:
        return {
            "checkpoint": self._fingerprint,
            "chat": self._chat is not None,
            "dtype": str(self._dtype).removeprefix("torch."),
            **device_identity(self._device),
        }

    def facts(self) -> dict[str, str]:
        chat = "plain text" if self._chat is None else self._chat.described
        return {**device_facts(self._device, self._dtype), "prompt": chat}

    def prompt_tokens(self, prompt: Prompt) -> int:
        return len(self._ids(prompt))

    def cost(self, prompts: Sequence[Prompt], max_tokens: int) -> Cost:
        """One pass over each prompt, then one for each token but the last."""
        config = self._model.config
        parts = [
            causal_gflop(config, self.prompt_tokens(prompt) + max_tokens - 1, max_tokens)
            for prompt in prompts
        ]
        return Cost.of_parts(self.parameters, parts)

    def _complete(
        self, prompts: Sequence[Prompt], max_tokens: int, stop: tuple[str, ...]
    ) -> list[Completion]:
        distinct = list(dict.fromkeys(prompts))
        ids = [self._checked(self._ids(prompt), max_tokens) for prompt in distinct]
        completions: dict[Prompt, Completion] = {}
        for batch in equal_batches([len(row) for row in ids], self._batch_size):
            new = self._generate([ids[i] for i in batch], max_tokens, stop)
            for i, tokens in zip(batch, new, strict=True):
                completions[distinct[i]] = self._completion(len(ids[i]), tokens, max_tokens, stop)
        return [completions[prompt] for prompt in prompts]

    def _choose(
        self, prompts: Sequence[Prompt], choices: tuple[str, ...]
    ) -> tuple[list[list[float]], list[Usage]]:
        ids = [self._checked(self._ids(prompt), 1) for prompt in prompts]
        firsts = [self._first_tokens(prompt, choices) for prompt in prompts]
        values: list[list[float]] = [[] for _ in prompts]
        for batch in equal_batches([len(row) for row in ids], self._batch_size):
            log_probabilities = self._next_token([ids[i] for i in batch])
            for row, i in enumerate(batch):
                values[i] = log_probabilities[row, firsts[i]].tolist()
        return values, [Usage(1, len(row), 0) for row in ids]

    def _ids(self, prompt: Prompt) -> list[int]:
        """Its tokens; that there may be too many is found later (`_checked`)."""
        if self._chat is None:
            return list(self._tokenizer(prompt.plain, verbose=False)["input_ids"])
        text = self._chat.render(prompt)
        # A template writes the special tokens itself.
        return list(self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])

    def _checked(self, ids: list[int], new: int) -> list[int]:
        if not ids:
            raise ComponentError("an empty prompt", where=self._name, cure="write one")
        assert self.context is not None
        if len(ids) + new > self.context:
            raise ComponentError(
                f"takes {self.context} tokens, a prompt has {len(ids)} and its answer up to {new}",
                where=self._name,
                cure="show it fewer or shorter passages, or name a model that takes more",
            )
        return ids

    def _first_tokens(self, prompt: Prompt, choices: Sequence[str]) -> list[int]:
        """The first token of each choice where it follows the prompt."""
        text = prompt.plain if self._chat is None else self._chat.render(prompt)
        # The last characters decide how what follows is cut into tokens.
        tail = text[-40:]
        gap = " " if self._chat is None and not tail[-1:].isspace() else ""
        before = self._plain_ids(tail)
        firsts = []
        for choice in choices:
            after = self._plain_ids(f"{tail}{gap}{choice}")
            same = next(
                (n for n, pair in enumerate(zip(before, after, strict=False)) if len({*pair}) > 1),
                min(len(before), len(after)),
            )
            firsts.append(after[same])
        if len({*firsts}) < len(firsts):
            raise ComponentError(
                f"{' and '.join(map(repr, choices))} begin with the same token",
                where=self._name,
                cure="choose other words, or set score: text",
            )
        return firsts

    def _plain_ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _inputs(self, ids: Sequence[Sequence[int]]) -> dict[str, Any]:
        """Padded on the left, so that every prompt ends where its answer begins."""
        import torch

        longest = max(map(len, ids))
        rows = [[self._pad] * (longest - len(row)) + list(row) for row in ids]
        mask = [[0] * (longest - len(row)) + [1] * len(row) for row in ids]
        return {
            "input_ids": torch.tensor(rows, device=self._device),
            "attention_mask": torch.tensor(mask, device=self._device),
        }

    @property
    def _pad(self) -> int:
        """Masked wherever it stands, so that any token will do."""
        pad = self._tokenizer.pad_token_id
        return 0 if pad is None else int(pad)

    def _generate(
        self, ids: Sequence[Sequence[int]], max_tokens: int, stop: tuple[str, ...]
    ) -> list[list[int]]:
        """New tokens of each row; what follows an end is cut by `_completion`."""
        import torch
        from transformers import LogitsProcessorList, StoppingCriteriaList

        from odqa.generation.stopping import FiniteScores, StopTexts

        inputs = self._inputs(ids)
        longest = inputs["input_ids"].shape[1]
        stopping = [StopTexts(self._tokenizer, longest, stop)] if stop else []
        check = FiniteScores(self._name, not_finite_cure(self._dtype))
        # One thread at a time: some models keep state of a generation.
        with self._lock, torch.inference_mode(), read_out_from(self._model, -1):
            output = self._model.generate(
                **inputs,
                max_new_tokens=max_tokens,
                do_sample=False,
                num_beams=1,
                num_return_sequences=1,
                pad_token_id=self._pad,
                logits_processor=LogitsProcessorList([check]),
                stopping_criteria=StoppingCriteriaList(stopping),
            )
        return [row[longest:] for row in output.tolist()]

    def _next_token(self, ids: Sequence[Sequence[int]]) -> Any:
        """Log-probabilities of the token after each row: [rows, vocabulary], float32."""
        import torch

        inputs = self._inputs(ids)
        positions = (inputs["attention_mask"].cumsum(-1) - 1).clamp(min=0)
        with self._lock, torch.inference_mode(), read_out_from(self._model, -1):
            if self._takes_positions():
                inputs["position_ids"] = positions
            logits = self._model(**inputs, return_dict=True).logits[:, -1].float()
        if not bool(logits.isfinite().any(dim=-1).all()) or bool(logits.isnan().any()):
            raise CheckpointError(
                "scores tokens with no finite number (NaN or infinity)",
                where=self._name,
                cure=not_finite_cure(self._dtype),
            )
        return torch.log_softmax(logits, dim=-1).cpu()

    def _takes_positions(self) -> bool:
        import inspect

        return "position_ids" in inspect.signature(self._model.forward).parameters

    def _completion(
        self, n_prompt: int, tokens: Sequence[int], max_tokens: int, stop: tuple[str, ...]
    ) -> Completion:
        """Cut at the first end of text or stop text, as if it had been generated alone."""
        ends = self._ends()
        length = next((n for n, token in enumerate(tokens) if token in ends), len(tokens))
        # With the token that ended it.
        n_new = min(length + 1, len(tokens))
        text = self._decoded(tokens[:length])
        at = min((found for mark in stop if (found := text.find(mark)) >= 0), default=None)
        if at is not None:
            text = text[:at]
            n_new = next(
                n
                for n in range(1, length + 1)
                if any(mark in self._decoded(tokens[:n]) for mark in stop)
            )
        is_cut = at is None and length == len(tokens) == max_tokens
        return Completion(text, n_prompt, n_new, is_cut=is_cut)

    def _ends(self) -> frozenset[int]:
        end = self._model.generation_config.eos_token_id
        return frozenset([end] if isinstance(end, int) else end or [])

    def _decoded(self, tokens: Sequence[int]) -> str:
        return str(
            self._tokenizer.decode(
                list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        )


#: Settings of sampling, which transformers warns of where nothing is drawn.
_SAMPLING = ("temperature", "top_p", "top_k", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff")


def load_local_model(
    checkpoint: str,
    cache: Cache,
    *,
    chat_template: bool,
    batch_size: int,
    device: Device,
    precision: Precision,
) -> LocalModel:
    """Load a causal language model.

    Args:
        chat_template: write prompts as the checkpoint's template does, if it has one.
        batch_size: prompts per forward pass.

    Raises:
        CheckpointError: another kind of checkpoint, or an incomplete one.
        EnvironmentProblem: a hub checkpoint cannot be reached, or there is no GPU.
    """
    folder = resolve_checkpoint(checkpoint, cache)
    tokenizer = load_tokenizer(folder, checkpoint)
    model = load_model("AutoModelForCausalLM", folder, checkpoint)
    settings = model.generation_config
    settings.do_sample = False
    for key in _SAMPLING:
        if hasattr(settings, key):
            setattr(settings, key, None)
    torch_device, dtype = device_and_dtype(device, precision)
    return LocalModel(
        model.to(torch_device, dtype),
        tokenizer,
        checkpoint,
        fingerprint=checkpoint_fingerprint(folder),
        chat=chat_format(tokenizer, checkpoint) if chat_template else None,
        batch_size=batch_size,
        device=torch_device,
        dtype=dtype,
    )
