"""The contract of every component, written once.

A pipeline is a small acyclic graph of stages. Each stage is one component in one role
(`odqa.registry.ROLES` lists the inputs and outputs of every role):

* a `Rewriter` turns a question into the texts that are searched for,
* a `Retriever` finds passages in the corpus,
* a `Fusion` makes one list of the hits of several stages,
* a `Ranker` reorders hits,
* a `Reader` answers.

What holds for each of them:

* **Construction is cheap.** ``Component(config)`` stores a validated `ComponentConfig` and nothing
  else: no weights, no index, no import of torch or Java. A spec can be validated, printed and
  hashed on a machine that has none of them.
* **``prepare(corpus, cache)`` is all the offline work.** It loads weights, builds or opens indexes
  and token stores, and binds the corpus. It is idempotent, resumable through the cache, and what
  it stores is reported by `Component.stored`. Its seconds are the *offline* cost.
* **The online call is in batches** and never looks at anything prepared for other questions.
  Its result for one question does not depend on the other questions of the batch, beyond
  floating-point rounding. The component sets the size of a batch
  (`Component.questions_per_call`).
* **A component gets queries**: ids and texts. Accepted answers reach only a component whose config
  has `ComponentConfig.sees_answers`; its figures are then marked as ceilings everywhere.
* **Ids travel with scores** in `Hit`s. Results are sorted by falling score; ties keep the order in
  which the hits came in (rankers) or are ordered by passage id (retrievers).

Rankers return a subset of the ids they were given: all of them, or the best ``k``. Their result
does not depend on the order of the hits they were given, except to break exact ties. The incoming
score is added by whoever runs the ranker (`RankerConfig.alpha`), never by the ranker. Readers
return exactly one `Answer` per question, also when there are no hits (then ``text == ""``, unless
the reader needs no passages, `ComponentConfig.reads_passages`).

A ranker may also explain what it looked at in a passage, by overriding `Ranker.explain`. A run
calls it apart from ranking, for a few questions and their best passages; no latency includes it.

A component describes itself by class attributes (`representation`, `interaction`,
`precomputes`), so that the map of paradigms and the lists of components fill themselves. Third
parties register theirs by entry point (see `odqa.registry`). The suites in ``odqa.testing`` check
this contract on any component.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Generic, Literal, TypeVar

from pydantic import AfterValidator, ConfigDict, Field

from odqa.bounds import BoundedModel
from odqa.explanation import Explanation
from odqa.types import Answer, Hit, Query

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus

Representation = Literal["none", "static", "intra-passage dynamic", "all-to-all dynamic"]
Interaction = Literal["none", "query-document", "all-to-all"]
_DEVICE = r"^(cpu|auto|mps|cuda(:[0-9]{1,3})?)$"


def _known_device(name: str) -> str:
    if not re.fullmatch(_DEVICE, name):
        raise ValueError("expected cpu, auto, cuda, cuda:1 and so on, or mps")
    return name


#: ``cpu``, ``auto``, ``cuda``, ``cuda:1`` and so on for one GPU of several, or ``mps``.
Device = Annotated[
    str, AfterValidator(_known_device), Field(json_schema_extra={"pattern": _DEVICE})
]

#: Parameters that decide how a component runs, not its results.
RUNNING = ("device", "batch_size", "threads")
Precision = Literal["auto", "float32", "bfloat16"]


class ComponentConfig(BoundedModel):
    """Parameters of a component: basic types only, unknown keys refused.

    Every field has a description; they become the JSON Schema that editors use.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, protected_namespaces=())

    #: Fields that came after version 0.1.0: left at its default, such a field is no part of the
    #: identity, so that earlier specs and caches keep their hashes.
    later_fields: ClassVar[tuple[str, ...]] = ()

    def identity(self) -> Mapping[str, object]:
        """The fields that change results; others (device, batch size) are left out."""
        return self.model_dump(exclude={*RUNNING, *self._unset_later_fields()})

    def running(self) -> Mapping[str, object]:
        """The fields of `RUNNING` that are not left at their defaults."""
        return self.model_dump(mode="json", include=set(RUNNING), exclude_defaults=True)

    @property
    def sees_answers(self) -> bool:
        """Whether the component gets the accepted answers or the gold passages.

        Its figures are then ceilings, and are marked as such in every output.
        """
        return False

    @property
    def reads_passages(self) -> bool:
        """Whether a reader needs passages, and therefore a retriever."""
        return True

    def _unset_later_fields(self) -> set[str]:
        fields = type(self).model_fields
        return {key for key in self.later_fields if getattr(self, key) == fields[key].default}


class StageConfig(ComponentConfig):
    """Base of retriever and ranker parameters: both return the best ``k``."""

    k: int = Field(
        100, ge=1, le=1_000_000, description="How many passages this stage returns per question."
    )


class RankerConfig(StageConfig):
    """Base of ranker parameters: whoever runs the ranker can add the incoming score to its own."""

    later_fields: ClassVar[tuple[str, ...]] = ("alpha",)

    alpha: float = Field(
        0.0,
        ge=0,
        le=1e6,
        description="Weight of the incoming score: score = own + alpha * incoming.",
    )


class FusionConfig(StageConfig):
    """Base of fusion parameters."""

    weights: tuple[float, ...] | None = Field(
        None,
        description="One weight for each of the fused stages, in order; equal ones by default.",
    )


class RewriterConfig(ComponentConfig):
    """Base of rewriter parameters: the hits of several texts for one question are fused."""

    by: str = Field(
        "rrf", description="Fusion, with its defaults, of what the texts of one question retrieve."
    )


class ModelConfig(ComponentConfig):
    """Base of parameters of components with a neural model: where it runs, in which precision."""

    device: Device = Field(
        "cpu",
        description="Where the model runs: cpu, cuda, cuda:1 and so on, mps, or auto, which takes "
        "a GPU, if any.",
    )
    precision: Precision = Field(
        "auto", description="Number format: auto is float32 on a CPU and bfloat16 on a GPU."
    )

    def checkpoints(self) -> tuple[str, ...]:
        """The checkpoints it names: folders, ``embedded:NAME`` or hub ids.

        By default the value of ``checkpoint``, if any; a config with other keys overrides it.
        """
        checkpoint = getattr(self, "checkpoint", None)
        return () if checkpoint is None else (checkpoint,)


@dataclass(frozen=True, slots=True)
class Stored:
    """One offline artifact of a component, for the cost table."""

    name: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What one online call costs, computed from shapes (not measured).

    ``gflop`` is the forward cost for one question in units of 1e9 floating-point operations,
    where a multiply-add counts as two; `None` where no formula applies (BM25).
    """

    parameters: int = 0
    gflop: float | None = None

    @classmethod
    def of_parts(cls, parameters: int, parts: Iterable[float | None]) -> Cost:
        """The sum of GFLOP; `None` as soon as there is no formula for one of them."""
        total = 0.0
        for part in parts:
            if part is None:
                return cls(parameters)
            total += part
        return cls(parameters, total)


C_co = TypeVar("C_co", bound=ComponentConfig, covariant=True)


class Component(ABC, Generic[C_co]):
    """What retrievers, rankers and readers share."""

    #: Parameters of this component; a subclass of `ComponentConfig`.
    Config: ClassVar[type[ComponentConfig]]
    #: Place on the map of paradigms.
    representation: ClassVar[Representation] = "none"
    interaction: ClassVar[Interaction] = "none"
    #: What this component may compute offline, as text; empty if nothing. The cost table shows what
    #: it stored (`Component.stored`).
    precomputes: ClassVar[tuple[str, ...]] = ()
    #: Raised whenever the same config would give other results than before; enters cache keys.
    #: For a class from outside odqa its source counts too (`odqa.code_identity`).
    version: ClassVar[int] = 1
    #: Raised where results differ in nothing but ties or rounding; enters cache keys, but no spec
    #: hash, so that specs of earlier versions keep theirs.
    revision: ClassVar[int] = 0
    #: How many questions one online call gets; also the unit of resuming. An exact search that
    #: reads its whole index in every call is faster with many.
    questions_per_call: int = 32

    def __init__(self, config: C_co) -> None:
        self.config = config

    @abstractmethod
    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        """Do or reopen all offline work and bind the corpus.

        Raises:
            OdqaError: when a checkpoint, the corpus or the environment cannot be used.
        """

    def sources(self, cache: Cache) -> Mapping[str, str]:
        """Content hashes of files that the config names, without loading them.

        They enter the cache keys of results, so that new content under an old name is noticed.
        They are added to those of `ModelConfig.checkpoints`.

        Raises:
            CheckpointError, EnvironmentProblem: one of them cannot be found.
        """
        return {}

    def stored(self) -> tuple[Stored, ...]:
        """What `prepare` keeps on disk; empty before it ran."""
        return ()

    def cost(self, question: Query, hits: Sequence[Hit]) -> Cost:
        """Analytic cost of this stage for one question with these incoming hits."""
        return Cost()

    def describe(self) -> Mapping[str, str]:
        """Facts known after `prepare` (device, dtype, Java version …), for the report."""
        return {}

    def close(self) -> None:  # optional hook
        """Free weights and indexes; `prepare` brings them back."""


class Rewriter(Component[C_co]):
    """Makes texts to search for instead of, or beside, a question."""

    @abstractmethod
    def rewrite(self, queries: Sequence[Query]) -> list[list[str]]:
        """At least one text per query, best first; none of them empty."""


class Retriever(Component[C_co]):
    """Finds passages for questions in the whole corpus."""

    @abstractmethod
    def retrieve(self, queries: Sequence[Query], k: int) -> list[list[Hit]]:
        """The best ``k`` passages per question (fewer when the corpus is smaller)."""


class Fusion(Component[C_co]):
    """Makes one list of the hits of several stages for the same question."""

    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        """Nothing to do."""

    @abstractmethod
    def fuse(self, hits: Sequence[Sequence[Sequence[Hit]]], k: int) -> list[list[Hit]]:
        """The best ``k`` hits per question.

        Args:
            hits: question -> fused stage -> its hits, best first. All questions have as many
                stages.
        """


class Ranker(Component[C_co]):
    """Reorders the passages that a retriever found."""

    @abstractmethod
    def rank(
        self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]], k: int
    ) -> list[list[Hit]]:
        """The best ``k`` of each question's hits, in falling order of the new score."""

    def explain(  # optional hook
        self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]]
    ) -> list[list[Explanation]]:
        """What it looks at in each of these passages, one list per question; by default nothing.

        Args:
            hits: the few best of what `rank` returned. At most one explanation for each.
        """
        return [[] for _ in questions]


class Reader(Component[C_co]):
    """Answers questions from their best passages."""

    @abstractmethod
    def read(self, questions: Sequence[Query], hits: Sequence[Sequence[Hit]]) -> list[Answer]:
        """One answer per question, in order."""
