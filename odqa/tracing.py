"""Which questions become traces, and the interface of what stores them.

Stages run in batches, so a trace is built afterwards from what the comparison recorded. Where the
question was also timed alone those times are used; else each question gets an equal share of the
batched time. An attribute of every span names which.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from odqa.errors import SpecError
from odqa.metrics.attribution import outcomes

if TYPE_CHECKING:
    from odqa.comparison.result import Comparison

Choice = Literal["all", "sample", "failures", "disagreements", "none"]
DEFAULT_POLICY = "sample: 20"


@dataclass(frozen=True, slots=True)
class TracePolicy:
    """Which questions of a comparison become traces.

    ``sample`` takes ``n`` questions spread evenly over the set, ``failures`` those that some
    pipeline did not answer, ``disagreements`` those that some answered and others did not.
    """

    choice: Choice
    n: int = 0

    @classmethod
    def parse(cls, text: TracePolicy | str) -> TracePolicy:
        """Read ``all | sample: N | failures | disagreements | none``.

        Raises:
            SpecError: anything else.
        """
        if isinstance(text, TracePolicy):
            return text
        name, _, number = (part.strip() for part in text.partition(":"))
        if name == "sample" and number.isdecimal():
            return cls("sample", int(number))
        for choice in get_args(Choice):
            if name == choice and choice != "sample" and not number:
                return cls(choice)
        raise SpecError(
            f"no trace policy '{text}'",
            where="traces",
            cure="use all, sample: N, failures, disagreements or none",
        )

    def questions(self, comparison: Comparison) -> list[str]:
        """The ids of the chosen questions, in order."""
        ids = [question.id for question in comparison.questions]
        if self.choice == "none":
            return []
        if self.choice == "all" or (self.choice == "sample" and self.n >= len(ids)):
            return ids
        if self.choice == "sample":
            return [ids[i * len(ids) // self.n] for i in range(self.n)]
        answered: dict[str, set[bool]] = {}
        for by_question in outcomes(comparison.rows).values():
            for question, outcome in by_question.items():
                answered.setdefault(question, set()).add(outcome == "answered")
        if self.choice == "failures":
            return [q for q in ids if False in answered.get(q, ())]
        return [q for q in ids if len(answered.get(q, ())) == 2]
