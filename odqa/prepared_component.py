"""What components with a model or an index have in common: loading, binding a corpus, closing.

A component's state has two parts. The model does not depend on the corpus and is loaded once. The
store (an index, token vectors) belongs to a corpus and is opened once for each. Both exist from
`PreparedComponent.prepare` to `PreparedComponent.close`; using them at any other time is the
user's mistake, reported in one line.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from threading import RLock
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from odqa.errors import ComponentError
from odqa.interfaces import C_co, Component, Stored

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.data.corpus import Corpus

ModelT = TypeVar("ModelT")
StoreT = TypeVar("StoreT")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Opened(Generic[StoreT]):
    """What a component opened for one corpus, and its artifacts on disk."""

    store: StoreT
    stored: tuple[Stored, ...] = ()


class PreparedComponent(Component[C_co], Generic[C_co, ModelT, StoreT]):
    """A base beside `Retriever`, `Ranker` or `Reader`; ``None`` stands for no model or no store.

    A subclass defines how to load and open them; the base keeps them as ``_model``, ``_store`` and
    ``_corpus``. One without a store derives from `ModelComponent`.
    """

    #: The type's registered name, used in messages.
    type_name: ClassVar[str]

    def __init__(self, config: C_co) -> None:
        super().__init__(config)
        self._loaded: ModelT | None = None
        # Both change together, or rows of one corpus would be looked up in the store of another.
        self._bound: tuple[Corpus, Opened[StoreT]] | None = None
        # Two threads that prepare one component would load its weights twice.
        self._lock = RLock()

    @abstractmethod
    def _load(self, cache: Cache) -> ModelT:
        """The model, with all checks that need no corpus."""

    @abstractmethod
    def _open(self, corpus: Corpus, cache: Cache) -> Opened[StoreT]:
        """Build or open what belongs to a corpus; `_model` is loaded."""

    def _release(self, store: StoreT) -> None:  # optional hook
        """Close a store that garbage collection does not close."""

    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        """Load the model and open what belongs to the corpus, unless they are there already.

        Safe from several threads: the later ones wait. Where it fails on another corpus, the
        previous one stays bound.
        """
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load(cache)
            previous = self._bound
            if previous is not None and previous[0].fingerprint == corpus.fingerprint:
                self._bound = (corpus, previous[1])
                return
            self._bound = (corpus, self._open(corpus, cache))
            if previous is not None:
                self._release(previous[1].store)

    def stored(self) -> tuple[Stored, ...]:
        return () if self._bound is None else self._bound[1].stored

    def close(self) -> None:
        with self._lock:
            previous, self._bound, self._loaded = self._bound, None, None
            if previous is not None:
                self._release(previous[1].store)

    @property
    def _model(self) -> ModelT:
        return self._ready(self._loaded)

    @property
    def _store(self) -> StoreT:
        return self._ready(self._bound)[1].store

    @property
    def _corpus(self) -> Corpus:
        return self._ready(self._bound)[0]

    def _ready(self, part: T | None) -> T:
        if part is None:
            raise ComponentError("not prepared", where=self.type_name, cure="call prepare first")
        return part


class ModelComponent(PreparedComponent[C_co, ModelT, None], Generic[C_co, ModelT]):
    """A component with a model alone: it opens nothing of a corpus, and looks passages up."""

    def _open(self, corpus: Corpus, cache: Cache) -> Opened[None]:
        return Opened(None)
