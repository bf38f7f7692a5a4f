"""The contract of every component, written once.

A pipeline is a retriever, an optional ranker and an optional reader. Each is a `Component`:

* **Construction is cheap.** ``Component(config)`` stores a validated `ComponentConfig` and nothing
  else: no weights, no index, no import of torch or Java. A spec can be validated, printed and
  hashed on a machine that has none of them.
* **``prepare(corpus, cache)`` is all the offline work.** It loads weights, builds or opens indexes
  and token stores, and binds the corpus. It is idempotent, resumable through the cache, and what
  it stores is reported by `Component.stored`. Its seconds are the *offline* cost.
* **The online call is in batches** and never looks at anything prepared for other questions.
  Its result for one question does not depend on the other questions of the batch, beyond
  floating-point rounding.
* **Ids travel with scores** in `Hit`s. Results are sorted by falling score; ties keep the order in
  which the hits came in (rankers) or fall back to the corpus order (retrievers).

Rankers return a subset of the ids they were given: all of them, or the best ``k``. Their result
does not depend on the order of the hits they were given, except to break exact ties. Readers
return exactly one `Answer` per question, also when there are no hits (then ``text == ""``).

A ranker may also say what it looked at in a passage: it overrides `Ranker.explain`. A run asks
for that apart from ranking, for a few questions and their best passages; it is in no latency.

A component states what it is by class attributes (`representation`, `interaction`,
`precomputes`), so that the map of paradigms and the lists of components fill themselves. Third
parties register theirs by entry point (see `odqa.registry`). The suites in ``odqa.testing`` check
this contract on any component.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from odqa.explanation import Explanation
from odqa.types import Answer, Hit, Question

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus
    from odqa.spec.stage import StageSpec

Representation = Literal["none", "static", "intra-passage dynamic", "all-to-all dynamic"]
Interaction = Literal["none", "query-document", "all-to-all"]
Device = Literal["cpu", "auto", "cuda"]

#: Parameters that say how a component runs, not what it finds.
RUNNING = ("device", "batch_size", "threads")
Precision = Literal["auto", "float32", "bfloat16"]


class ComponentConfig(BaseModel):
    """Parameters of a component: basic types only, unknown keys refused.

    Every field has a description; they become the JSON Schema that editors use.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, protected_namespaces=())

    #: Fields that hold rankers (`odqa.spec.stage.NestedRanker`), for a component made of others.
    nested_rankers: ClassVar[tuple[str, ...]] = ()

    def identity(self) -> Mapping[str, object]:
        """The fields that change results; what does not (device, batch size) is left out."""
        inner = {
            key: [stage.identity() for stage in getattr(self, key)] for key in self.nested_rankers
        }
        return self.model_dump(exclude={*RUNNING, *inner}) | inner

    def running(self) -> Mapping[str, object]:
        """The fields of `RUNNING` that are not left at their defaults, by position for rankers."""
        own = self.model_dump(mode="json", include=set(RUNNING), exclude_defaults=True)
        inner = {str(n): dict(stage.config.running()) for n, stage in enumerate(self.nested())}
        return own | {position: said for position, said in inner.items() if said}

    def nested(self) -> tuple[StageSpec, ...]:
        """The rankers it is made of, in the order in which they rank; most have none."""
        return tuple(stage for key in self.nested_rankers for stage in getattr(self, key))


class StageConfig(ComponentConfig):
    """Base of retriever and ranker parameters: both return the best ``k``."""

    k: int = Field(100, ge=1, description="How many passages this stage returns per question.")


class ModelConfig(ComponentConfig):
    """What every component with a neural model can be told: its weights, and where it computes."""

    device: Device = Field("cpu", description="Where the model runs; auto takes a GPU, if any.")
    precision: Precision = Field(
        "auto", description="Number format: auto is float32 on a CPU and bfloat16 on a GPU."
    )

    def checkpoints(self) -> tuple[str, ...]:
        """The checkpoints it names: folders, ``embedded:NAME`` or hub ids.

        The key ``checkpoint``, where there is one; a config with others says here which.
        """
        named = getattr(self, "checkpoint", None)
        return () if named is None else (named,)


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


C_co = TypeVar("C_co", bound=ComponentConfig, covariant=True)


class Component(ABC, Generic[C_co]):
    """What retrievers, rankers and readers share."""

    #: Parameters of this component; a subclass of `ComponentConfig`.
    Config: ClassVar[type[ComponentConfig]]
    #: Place on the map of paradigms.
    representation: ClassVar[Representation] = "none"
    interaction: ClassVar[Interaction] = "none"
    #: What this component may compute offline, in words; empty when nothing. The cost table shows
    #: what it did keep (`Component.stored`).
    precomputes: ClassVar[tuple[str, ...]] = ()
    #: Raised whenever the same config would give other results than before; enters cache keys.
    version: ClassVar[int] = 1

    def __init__(self, config: C_co) -> None:
        self.config = config

    @abstractmethod
    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        """Do or reopen all offline work and bind the corpus.

        Raises:
            OdqaError: when a checkpoint, the corpus or the environment cannot be used.
        """

    def sources(self, cache: Cache) -> Mapping[str, str]:
        """Content hashes of the files that the config names (checkpoints), without loading them.

        They enter the cache keys of results, so that new weights under an old name are noticed. By
        default those of `ModelConfig.checkpoints`.

        Raises:
            CheckpointError, EnvironmentProblem: one of them cannot be found.
        """
        if not isinstance(self.config, ModelConfig):
            return {}
        from odqa.checkpoints.resolve import checkpoint_sources

        return checkpoint_sources(cache, *self.config.checkpoints())

    def stored(self) -> tuple[Stored, ...]:
        """What `prepare` keeps on disk; empty before it ran."""
        return ()

    def cost(self, question: Question, hits: Sequence[Hit]) -> Cost:
        """Analytic cost of this stage for one question with these incoming hits."""
        return Cost()

    def describe(self) -> Mapping[str, str]:
        """Facts known after `prepare` (device, dtype, Java version …), for the report."""
        return {}

    def close(self) -> None:  # optional hook
        """Free weights and indexes; `prepare` brings them back."""


class Retriever(Component[C_co]):
    """Finds passages for questions in the whole corpus."""

    @abstractmethod
    def retrieve(self, questions: Sequence[Question], k: int) -> list[list[Hit]]:
        """The best ``k`` passages per question (fewer when the corpus is smaller)."""


class Ranker(Component[C_co]):
    """Reorders the passages that a retriever found."""

    @abstractmethod
    def rank(
        self, questions: Sequence[Question], hits: Sequence[Sequence[Hit]], k: int
    ) -> list[list[Hit]]:
        """The best ``k`` of each question's hits, in falling order of the new score."""

    def explain(  # optional hook
        self, questions: Sequence[Question], hits: Sequence[Sequence[Hit]]
    ) -> list[list[Explanation]]:
        """What it looks at in each of these passages, one list per question; by default nothing.

        Args:
            hits: the few best of what `rank` returned. At most one explanation for each.
        """
        return [[] for _ in questions]


class Reader(Component[C_co]):
    """Answers questions from their best passages."""

    @abstractmethod
    def read(self, questions: Sequence[Question], hits: Sequence[Sequence[Hit]]) -> list[Answer]:
        """One answer per question, in order."""
