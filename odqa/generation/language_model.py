"""What components ask of a language model, wherever it runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from odqa.interfaces import Cost
from odqa.meters.usage import Usage, note_usage


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is told: the user's text, and an instruction in front of it, if any.

    Chat models get the instruction as the system's message, others both with an empty line between.
    """

    text: str
    instruction: str = ""

    @property
    def plain(self) -> str:
        """As one text, for models that know no messages."""
        return f"{self.instruction}\n\n{self.text}" if self.instruction else self.text


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model wrote after one prompt, and what that cost.

    ``price`` as in `Usage`. ``seconds``: of the request when it was sent, for endpoints, its
    part of the time of all of a call where they come from the cache.
    ``is_cut``: the model was stopped at the most tokens that it may write. ``first_token``: the
    likeliest first tokens with their log-probabilities, where they were asked for.
    ``estimated``: the endpoint did not say how many tokens there were, and they are at most these.
    """

    text: str
    prompt_tokens: int
    completion_tokens: int
    price: float | None = 0.0
    seconds: float = 0.0
    from_cache: bool = False
    is_cut: bool = False
    first_token: tuple[tuple[str, float], ...] = ()
    estimated: bool = False

    @property
    def usage(self) -> Usage:
        """Its part of a stage's usage."""
        return Usage(
            1,
            self.prompt_tokens,
            self.completion_tokens,
            self.price,
            int(self.from_cache),
            self.seconds if self.from_cache else 0.0,
            {"requests with estimated tokens": 1} if self.estimated else {},
        )


class LanguageModel(ABC):
    """A model that goes on with texts, the likeliest token first (greedy).

    The completion of a prompt does not depend on the other prompts of a call. What every call used
    is noted for the meters that are open (`odqa.meters.usage`).
    """

    #: Weights that run here.
    parameters: int = 0
    #: Tokens of prompt and completion together; `None` where only the server knows.
    context: int | None = None
    #: Whether it answers messages, rather than going on with texts.
    is_chat: bool = False

    def complete(
        self, prompts: Sequence[Prompt], *, max_tokens: int, stop: Sequence[str] = ()
    ) -> list[Completion]:
        """One completion per prompt, in order.

        Args:
            max_tokens: each ends after so many, if it did not end by itself.
            stop: texts before which each is cut.

        Raises:
            ComponentError: a prompt that is too long, an endpoint that fails or costs too much.
            CheckpointError: scores of a local model that are no finite numbers.
        """
        completions = self._complete(prompts, max_tokens, tuple(stop))
        for completion in completions:
            note_usage(completion.usage)
        return completions

    def choose(self, prompts: Sequence[Prompt], choices: Sequence[str]) -> list[list[float]]:
        """Log-probabilities of ``choices`` as the beginning of each completion: [prompts, choices].

        Of each choice the first token counts, for an endpoint every likely token that equals the
        choice but for case and white space; one that is not among the likeliest has the
        log-probability of the last of them, which is more than its own.

        Raises:
            ComponentError: two choices begin with the same token, an endpoint that returns no
                log-probabilities; otherwise as `complete`.
        """
        values, used = self._choose(prompts, tuple(choices))
        for usage in used:
            note_usage(usage)
        return values

    @abstractmethod
    def _complete(
        self, prompts: Sequence[Prompt], max_tokens: int, stop: tuple[str, ...]
    ) -> list[Completion]:
        """As `complete`."""

    @abstractmethod
    def _choose(
        self, prompts: Sequence[Prompt], choices: tuple[str, ...]
    ) -> tuple[list[list[float]], list[Usage]]:
        """As `choose`, with the usage of each prompt."""

    @abstractmethod
    def identity(self) -> dict[str, object]:
        """What decides its completions, for cache keys."""

    def prompt_tokens(self, prompt: Prompt) -> int | None:
        """Tokens of a prompt; `None` where only the server knows."""
        return None

    def cost(self, prompts: Sequence[Prompt], max_tokens: int) -> Cost:
        """Operations of completing these prompts with ``max_tokens`` each; none run here for an
        endpoint."""
        return Cost()

    def facts(self) -> dict[str, str]:
        """What reports say of it."""
        return {}
