"""Prompts with passages that a local model can take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from odqa.generation.language_model import LanguageModel, Prompt
from odqa.meters.usage import note_count
from odqa.types import Passage

#: Under what name shortened prompts are counted.
SHORTENED = "shortened prompts"


def fitting(
    model: LanguageModel,
    write: Callable[[Sequence[Passage]], Prompt],
    passages: Sequence[Passage],
    max_tokens: int,
) -> Prompt:
    """The prompt with as many passages as fit before ``max_tokens`` new tokens.

    The last ones are left out first; of the only one that is left, the last words. Each prompt that
    was shortened is counted. Where a server alone knows what fits, nothing is shortened, nor where
    the model takes not even the prompt without passages (which it then refuses).

    Args:
        write: the prompt with these passages.
    """
    prompt = write(passages)
    if model.context is None or not passages:
        return prompt
    room = model.context - max_tokens

    def fits(candidate: Prompt) -> bool:
        tokens = model.prompt_tokens(candidate)
        return tokens is None or tokens <= room

    if fits(prompt):
        return prompt
    note_count(SHORTENED)
    for n in range(len(passages) - 1, 0, -1):
        if fits(prompt := write(passages[:n])):
            return prompt
    first = passages[0]
    words = first.text.split()
    fewest, most = 0, len(words) - 1
    while fewest < most:
        middle = (fewest + most + 1) // 2
        if fits(write([replace(first, text=" ".join(words[:middle]))])):
            fewest = middle
        else:
            most = middle - 1
    return write([replace(first, text=" ".join(words[:fewest]))])
