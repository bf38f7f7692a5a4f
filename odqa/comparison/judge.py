"""Answers judged by a language model, local or behind an endpoint: the metric ``judge``.

After the zero-shot evaluation of Kamalloo et al. 2023, section 3.3, with a prompt of our own. Every
verdict is kept in the cache by its content (model, prompt, parameters), so that judging the same
answers again asks nothing, whatever run they are of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from odqa.generation import Completion, LanguageModel, Prompt, open_language_model
from odqa.generation.endpoint import Endpoint
from odqa.generation.kept import find_completion, keep_completion
from odqa.generation.templates import fill
from odqa.generation.yes_no import parse_yes_no
from odqa.meters.usage import note_usage, tally
from odqa.metrics.rows import MetricRow
from odqa.progress import progress
from odqa.spec.judge import JudgeConfig
from odqa.types import Question

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.comparison.pipeline_result import PipelineResult

#: The metric's name.
JUDGE = "judge"
#: Verdicts that are asked for together; what is interrupted loses no earlier ones.
_TOGETHER = 64


@dataclass(frozen=True, slots=True)
class Item:
    """An answer to judge."""

    question: Question
    prediction: str


class Judge:
    """Asks a language model whether answers are right.

    ``asked`` counts the different answers that it judged, ``unclear`` those of them that got
    neither yes nor no.
    """

    def __init__(self, config: JudgeConfig, cache: Cache) -> None:
        self._config = config
        self._cache = cache
        self._opened: LanguageModel | None = None
        self.asked = 0
        self.unclear = 0

    def verdicts(self, items: Sequence[Item]) -> list[bool | None]:
        """Whether each answer is right; `None` where the model wrote neither yes nor no.

        An empty answer is wrong, and is not asked for; equal ones are asked for once.

        Raises:
            ComponentError, CheckpointError, EnvironmentProblem: the model cannot be asked.
        """
        prompts = [self._prompt(item) if item.prediction.strip() else None for item in items]
        distinct = list(dict.fromkeys(prompt for prompt in prompts if prompt is not None))
        known: dict[Prompt, bool | None] = {}
        starts = range(0, len(distinct), _TOGETHER)
        for start in progress(starts, "judging", len(starts), "batch"):
            batch = distinct[start : start + _TOGETHER]
            for prompt, completion in zip(batch, self._completions(batch), strict=True):
                known[prompt] = parse_yes_no(completion.text, self._config.yes, self._config.no)
        self.asked += len(known)
        self.unclear += sum(verdict is None for verdict in known.values())
        return [False if prompt is None else known[prompt] for prompt in prompts]

    def _prompt(self, item: Item) -> Prompt:
        config = self._config
        values = {
            "question": item.question.text,
            "answers": config.separator.join(item.question.answers),
            "prediction": " ".join(item.prediction.split()),
        }
        return Prompt(fill(config.prompt, values), config.instruction)

    def _completions(self, prompts: Sequence[Prompt]) -> list[Completion]:
        new = self._config.max_answer_tokens
        if self._config.endpoint is not None:
            # Keeps its answers itself; a key is needed only for those that are missing.
            model = self._opened = self._opened or Endpoint(self._config.endpoint, self._cache)
            return model.complete(prompts, max_tokens=new)
        base = self._local_identity()
        identities = [{**base, "prompt": asdict(prompt), "max_tokens": new} for prompt in prompts]
        found = [find_completion(self._cache, identity) for identity in identities]
        missing = [i for i, completion in enumerate(found) if completion is None]
        if missing:
            self._opened = self._opened or open_language_model(self._config, self._cache)
            asked = self._opened.complete([prompts[i] for i in missing], max_tokens=new)
            for i, completion in zip(missing, asked, strict=True):
                found[i] = keep_completion(self._cache, identities[i], partial(_same, completion))
        completions = [completion for completion in found if completion is not None]
        for completion in completions:
            if completion.from_cache:
                # The model notes the usage of the others.
                note_usage(completion.usage)
        return completions

    def _local_identity(self) -> dict[str, object]:
        from odqa.checkpoints.resolve import checkpoint_sources

        config = self._config
        (fingerprint,) = checkpoint_sources(self._cache, config.checkpoint).values()
        keys = ("precision", "device", "chat_template")
        return {"checkpoint": fingerprint, **{key: getattr(config, key) for key in keys}}


def _same(completion: Completion) -> Completion:
    return completion


def judge_rows(
    config: JudgeConfig,
    questions: Sequence[Question],
    results: Mapping[str, PipelineResult],
    cache: Cache,
) -> tuple[list[MetricRow], dict[str, Any]]:
    """A row for every answer of every pipeline, and what judging took, as plain values.

    An answer without a verdict counts as wrong. Questions without accepted answers get no rows.

    Raises:
        OdqaError: as `Judge.verdicts`.
    """
    judge = Judge(config, cache)
    places, items = [], []
    for name, result in results.items():
        for question in questions:
            if result.answers is not None and question.answers:
                answer = result.answers.get(question.id)
                places.append((name, question.id))
                items.append(Item(question, answer.text if answer else ""))
    with tally() as noted:
        verdicts = judge.verdicts(items)
    rows = [
        MetricRow(name, question_id, JUDGE, float(verdict is True))
        for (name, question_id), verdict in zip(places, verdicts, strict=True)
    ]
    spent: dict[str, Any] = {"answers": judge.asked, "without verdict": judge.unclear}
    if noted.usage is not None:
        spent |= {
            "prompt_tokens": noted.usage.prompt_tokens,
            "completion_tokens": noted.usage.completion_tokens,
            "price": noted.usage.price,
        }
    return rows, spent


def judge_notice(spent: Mapping[str, Any]) -> str:
    """One line on what judging took and how much of it failed."""
    tokens = int(spent.get("prompt_tokens", 0)) + int(spent.get("completion_tokens", 0))
    price = f", price {spent['price']:.4g}" if spent.get("price") else ""
    return (
        f"judge: {spent['answers']:,} different answers judged, {spent['without verdict']:,} of "
        f"them without a verdict, which count as wrong; {tokens:,} tokens{price}"
    )
