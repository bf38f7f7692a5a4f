"""What components with a model or an index have in common: loading, binding a corpus, letting go.

A component's state has two parts. The model does not depend on the corpus and is loaded once. What
was opened for a corpus (an index, a store) is opened once for each corpus. Both are there after
`PreparedComponent.prepare` and gone after `PreparedComponent.close`; asking for them at any other
time is the user's mistake, said in one line.
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
    """What a component opened for one corpus, and which artifacts that is on disk."""

    store: StoreT
    stored: tuple[Stored, ...] = ()


class PreparedComponent(Component[C_co], Generic[C_co, ModelT, StoreT]):
    """A base beside `Retriever`, `Ranker` or `Reader`; ``None`` stands for no model or no store.

    A subclass says how to load the one and to open the other; the base keeps them, as ``_model``,
    ``_store`` and ``_corpus``.
    """

    #: How specs call the type; messages name the component by it.
    type_name: ClassVar[str]

    def __init__(self, config: C_co) -> None:
        super().__init__(config)
        self._loaded: ModelT | None = None
        # Both change together, or a store would be read by the rows of another corpus.
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
        """Close what nobody closes by letting go of it."""

    def prepare(self, corpus: Corpus, cache: Cache) -> None:
        """Load the model and open what belongs to the corpus, unless they are there already.

        Safe from several threads: the later ones wait. Where it fails on another corpus, the one
        before stays bound.
        """
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load(cache)
            before = self._bound
            if before is not None and before[0].fingerprint == corpus.fingerprint:
                self._bound = (corpus, before[1])
                return
            self._bound = (corpus, self._open(corpus, cache))
            if before is not None:
                self._release(before[1].store)

    def stored(self) -> tuple[Stored, ...]:
        return () if self._bound is None else self._bound[1].stored

    def close(self) -> None:
        with self._lock:
            before, self._bound, self._loaded = self._bound, None, None
            if before is not None:
                self._release(before[1].store)

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
