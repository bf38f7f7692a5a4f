"""An encoder-decoder checkpoint whose encoder and decoder are called apart."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from odqa.checkpoints.kinds import model_type
from odqa.checkpoints.load import (
    check_length,
    load_model,
    load_tokenizer,
    parameter_count,
    position_limit,
)
from odqa.checkpoints.resolve import resolve_checkpoint
from odqa.devices import device_and_dtype
from odqa.encoders.batches import equal_batches, padded
from odqa.encoders.generator_flops import encoder_decoder_gflop
from odqa.encoders.loaded_model import LoadedModel
from odqa.errors import CheckpointError
from odqa.interfaces import Cost, Device, Precision

if TYPE_CHECKING:
    from torch import Tensor

    from odqa.cache import Cache

# Ways to decode that a checkpoint may ask for and that odqa does not follow; with the value that
# asks for nothing.
_OTHER_DECODING: dict[str, object] = {
    "penalty_alpha": None,
    "dola_layers": None,
    "prompt_lookup_num_tokens": None,
    "num_beam_groups": 1,
    "constraints": None,
    "force_words_ids": None,
    "guidance_scale": None,
}


@dataclass(frozen=True, slots=True)
class Generated:
    """What was generated: tokens behind the start, their end included where they have one, and the
    sum of their log-probabilities (the natural logarithm)."""

    ids: list[int]
    score: float


@dataclass(frozen=True, slots=True)
class Seq2Seq(LoadedModel):
    """A model on its device, and its tokenizer; made by `load_seq2seq`."""

    def tokenise(self, texts: Sequence[str], max_length: int) -> list[list[int]]:
        """Token ids with the markers of the model; longer texts are cut at their end."""
        if not texts:
            return []
        encoded = self.tokenizer(list(texts), truncation=True, max_length=max_length)
        return [list(ids) for ids in encoded["input_ids"]]

    def tokenise_targets(self, texts: Sequence[str], max_length: int) -> list[list[int]]:
        """Token ids of what the decoder is to say behind its start token, with whatever ends it."""
        rows = self.tokenise(texts, max_length)
        return [row[1:] if row and row[0] == self.start else row for row in rows]

    def encode(self, rows: Sequence[Sequence[int]], batch_size: int) -> list[Tensor]:
        """States [tokens, width] of every text, each encoded by itself."""
        import torch

        out: list[Tensor | None] = [None] * len(rows)
        for batch in equal_batches([len(row) for row in rows], batch_size):
            ids, mask = padded([rows[i] for i in batch], self.tokenizer.pad_token_id)
            with torch.inference_mode():
                states = self.model.get_encoder()(
                    input_ids=torch.from_numpy(ids).to(self.device),
                    attention_mask=torch.from_numpy(mask).to(self.device),
                    return_dict=True,
                ).last_hidden_state
            for row, i in enumerate(batch):
                out[i] = states[row, : len(rows[i])]
        return [state for state in out if state is not None]

    def generate(
        self,
        states: Sequence[Tensor],
        *,
        max_new: int,
        beams: int,
        returned: int = 1,
        processors: Sequence[Any] = (),
    ) -> list[Generated]:
        """The best sequences for each of several texts, or joined texts, given their states.

        Whatever else the checkpoint's generation settings ask for (shortest length, penalties,
        forced tokens) is obeyed.

        Args:
            states: [tokens, width] each.
            max_new: longest sequence, start excluded and end included.
            beams: of the search; 1 is greedy.
            returned: sequences for each text, at most as many as there are beams.
            processors: further logits processors of transformers.
        """
        import torch
        from transformers import LogitsProcessorList
        from transformers.modeling_outputs import BaseModelOutput

        joined, mask = self.joined(states)
        with torch.inference_mode():
            out = self.model.generate(
                encoder_outputs=BaseModelOutput(last_hidden_state=joined),
                attention_mask=mask,
                generation_config=self._decoding(max_new, beams, returned),
                logits_processor=LogitsProcessorList(processors),
                return_dict_in_generate=True,
                output_scores=True,
            )
            scores = self.model.compute_transition_scores(
                out.sequences,
                out.scores,
                getattr(out, "beam_indices", None),
                normalize_logits=beams == 1,
            )
        # The first token only starts the decoder.
        rows = out.sequences[:, 1:].tolist()
        return [
            self._generated(row, score)
            for row, score in zip(rows, scores.float().tolist(), strict=True)
        ]

    def joined(self, states: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """States padded to the longest, [n, tokens, width], and their mask [n, tokens]."""
        import torch
        from torch.nn.utils.rnn import pad_sequence

        mask = [torch.ones(len(state), dtype=torch.long, device=self.device) for state in states]
        return pad_sequence(list(states), batch_first=True), pad_sequence(mask, batch_first=True)

    def log_probabilities(
        self, states: Sequence[Tensor], targets: Sequence[Sequence[int]]
    ) -> list[Tensor]:
        """Log-probability [tokens] of every token of each target given states, float32.

        Args:
            states: [tokens, width] for each target.
            targets: token ids behind the start token, with whatever ends them.
        """
        import torch

        rows = [[self.start, *target[:-1]] for target in targets]
        scores = self._logits(states, rows).log_softmax(-1)
        return [
            scores[row, : len(target)].gather(1, torch.tensor(target, device=self.device)[:, None])[
                :, 0
            ]
            for row, target in enumerate(targets)
        ]

    def first_logits(self, states: Sequence[Tensor]) -> Tensor:
        """Logits [n, vocabulary] of the first token given each text's states, float32."""
        return self._logits(states, [[self.start]] * len(states))[:, 0]

    def _logits(self, states: Sequence[Tensor], decoded: Sequence[Sequence[int]]) -> Tensor:
        """Logits [n, tokens, vocabulary] behind every decoded token, float32."""
        import torch
        from transformers.modeling_outputs import BaseModelOutput

        joined, mask = self.joined(states)
        ids, _ = padded(decoded, self.tokenizer.pad_token_id)
        with torch.inference_mode():
            logits: Tensor = self.model(
                encoder_outputs=BaseModelOutput(last_hidden_state=joined),
                attention_mask=mask,
                decoder_input_ids=torch.from_numpy(ids).to(self.device),
                use_cache=False,
                return_dict=True,
            ).logits
        return logits.float()

    @property
    def start(self) -> int:
        """The token that starts the decoder."""
        settings = self.model.generation_config
        start = settings.decoder_start_token_id
        return int(settings.bos_token_id if start is None else start)

    @property
    def ends(self) -> list[int]:
        """Tokens that end a sequence."""
        end = self.model.generation_config.eos_token_id
        return [end] if isinstance(end, int) else list(end or [])

    def text(self, ids: Sequence[int]) -> str:
        """Text of generated tokens."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True)).strip()

    def cost(self, sources: Sequence[int], new: int) -> Cost:
        """Cost of encoding texts of these token counts and decoding ``new`` tokens over all."""
        return Cost(self.parameters, encoder_decoder_gflop(self.config, sources, new))

    def _decoding(self, max_new: int, beams: int, returned: int) -> Any:
        settings = copy.deepcopy(self.model.generation_config)
        settings.update(
            max_new_tokens=max_new,
            # Its default; another value beside max_new_tokens is warned of.
            max_length=type(settings)().max_length,
            num_beams=beams,
            num_return_sequences=returned,
            do_sample=False,
            temperature=1.0,
            top_p=1.0,
            top_k=50,
            return_dict_in_generate=True,
        )
        return settings

    def _generated(self, row: list[int], scores: list[float]) -> Generated:
        """What comes before the padding behind a sequence that ended sooner than others."""
        ends = self.ends
        last = next((i for i, token in enumerate(row) if token in ends), len(row) - 1)
        return Generated(row[: last + 1], sum(scores[: last + 1]))


def load_seq2seq(
    checkpoint: str,
    cache: Cache,
    *,
    max_length: int,
    max_new: int,
    device: Device,
    precision: Precision,
    new_key: str = "max_answer_tokens",
) -> Seq2Seq:
    """Load an encoder-decoder checkpoint.

    Args:
        max_length: tokens per text that the encoder must accept.
        max_new: tokens that the decoder must accept, the start token excluded.
        new_key: the parameter that asks for them, for the message.

    Raises:
        CheckpointError: another kind of checkpoint, an incomplete one, one for shorter texts, or
            one whose generation settings odqa does not follow.
        EnvironmentProblem: a hub checkpoint cannot be reached, or there is no GPU.
    """
    folder = resolve_checkpoint(checkpoint, cache)
    if model_type(folder) == "rag":
        raise CheckpointError(
            "is a whole RAG model (question encoder and generator in one)",
            where=checkpoint,
            cure="save its generator and generator_tokenizer into a folder with transformers, and "
            "name that",
        )
    tokenizer = load_tokenizer(folder, checkpoint)
    model = load_model("AutoModelForSeq2SeqLM", folder, checkpoint)
    if tokenizer.pad_token_id is None:
        raise CheckpointError(
            "its tokenizer has no padding token",
            where=checkpoint,
            cure="name it in special_tokens_map.json",
        )
    _check_decoding(model, checkpoint)
    limit = position_limit(model.config)
    check_length("max_length", max_length, limit, checkpoint)
    check_length(new_key, max_new, limit, checkpoint)
    torch_device, dtype = device_and_dtype(device, precision)
    model = model.to(torch_device, dtype)
    return Seq2Seq(model, tokenizer, torch_device, dtype, parameter_count(model))


def _check_decoding(model: Any, checkpoint: str) -> None:
    """Refuse generation settings that would be passed over."""
    settings = model.generation_config
    for key, nothing in _OTHER_DECODING.items():
        value = getattr(settings, key, nothing)
        if value not in (nothing, None):
            raise CheckpointError(
                f"its generation settings have {key}: {str(value)[:40]}, not followed here",
                where=checkpoint,
                cure="remove it from generation_config.json, or name another checkpoint",
            )
    if settings.decoder_start_token_id is None and settings.bos_token_id is None:
        raise CheckpointError(
            "names no token that starts the decoder",
            where=checkpoint,
            cure="set decoder_start_token_id in its config.json",
        )
    if settings.eos_token_id is None:
        raise CheckpointError(
            "names no token that ends a text", where=checkpoint, cure="set eos_token_id in it"
        )
