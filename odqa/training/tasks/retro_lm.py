"""RETRO language model, trained from scratch on passages and their neighbours (Borgeaud 2021)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from odqa.bounds import PathText
from odqa.cache import Cache
from odqa.data.corpus import Corpus
from odqa.data.dpr_tsv import read_passages
from odqa.encoders.static import StaticEncoder
from odqa.encoders.text import TextEncoder
from odqa.retro.create.byte_tokenizer import ByteTokenizer
from odqa.retro.create.copying import start_copying
from odqa.retro.model.config import (
    RetroConfig,
    SelfPosition,
    StackConfig,
)
from odqa.retro.model.model import RetroModel
from odqa.retro.offline.chunk_database import (
    ChunkDatabase,
    KeyEncoder,
)
from odqa.retro.read.bits import document_bits
from odqa.training.data.lm_batches import IGNORED, DocumentSchedule, collate_documents
from odqa.training.data.lm_documents import (
    Document,
    Split,
    split_passages,
    training_documents,
    unseen_documents,
)
from odqa.training.data.training_data import TrainingData
from odqa.training.recipes import Part, Recipe
from odqa.training.tasks.base import Task, TrainedModel

_HEAD = 64


class RetroLmSettings(Part):
    """Keys of the RETRO language model task."""

    vocabulary: int = Field(
        2048, ge=256, le=10_000_000, description="Byte-level tokens, learnt from the texts."
    )
    width: int = Field(
        128, ge=64, le=65_536, multiple_of=64, description="Of both stacks; heads have 64."
    )
    layers: int = Field(4, ge=1, le=1_000, description="Decoder layers.")
    cross_layers: tuple[int, ...] = Field((2, 4), description="Decoder layers with CCA (P).")
    encoder_layers: int = Field(1, ge=1, le=1_000, description="Layers of the neighbour encoder.")
    encoder_ffw: int = Field(
        4,
        ge=1,
        le=1_000,
        description="Feed-forward width of the encoder, in widths; the decoder has 4.",
    )
    conditioned_layers: tuple[int, ...] = Field(
        (1,), description="Encoder layers that see the retrieving chunk (P_enc)."
    )
    chunk_length: int = Field(32, ge=2, le=1_000_000, description="Tokens of a chunk (m).")
    neighbours: int = Field(2, ge=1, le=1_000, description="Neighbours per chunk (k).")
    keys: PathText = Field(
        "embedded:minilm", description="Frozen encoder whose mean vectors are keys."
    )
    static_keys: bool = Field(
        False,
        description="Keys are weighted means of the encoder's token embeddings: no layer is run.",
    )
    off_share: float = Field(
        0.2, ge=0, le=1, description="Share of batches with retrieval off, to train that too."
    )
    start_copying: bool = Field(
        False, description="Start from weights with which cross-attention copies from neighbours."
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="Of both stacks.")
    per_title: int = Field(
        1, ge=1, le=1_000_000, description="Only passages whose title so many of them have."
    )
    dev: int = Field(100, ge=1, description="Passages set apart to choose the checkpoint by.")
    per_forward: int = Field(
        8, ge=1, le=65_536, description="Documents per forward pass of an evaluation."
    )


class RetroLmTask(Task):
    """A decoder that reads the nearest chunks of the other passages of the training part.

    ``data.held_out`` passages are set apart and never looked at here: `odqa bits` judges the model
    by them.
    """

    Settings = RetroLmSettings
    metric: ClassVar[str] = "bits_per_byte"
    smaller_is_better: ClassVar[bool] = True

    @classmethod
    def load(cls, recipe: Recipe) -> Self:
        passages = read_passages(recipe.data.root / recipe.data.corpus)
        return cls(recipe, TrainingData({passage.id: passage for passage in passages}, {}, []))

    def build(self) -> nn.Module:
        model = RetroModel(self.config)
        if self.settings.start_copying:
            start_copying(model, self.recipe.seed)
        return model

    def schedule(self) -> DocumentSchedule:
        documents = training_documents(self.database, self.settings.neighbours)
        return DocumentSchedule(
            documents,
            self.schedule_length,
            batch=self.recipe.optim.batch,
            off_share=self.settings.off_share,
            seed=self.recipe.seed,
        )

    def collate(self, items: Sequence[Document]) -> dict[str, Any]:
        return dict(collate_documents(self.database, items))

    def loss(self, model: nn.Module, batch: dict[str, Any]) -> Tensor:
        out = model(batch["ids"], None, batch.get("neighbours"), batch.get("neighbour_mask"))
        return F.cross_entropy(
            out.logits.flatten(0, 1), batch["targets"].flatten(), ignore_index=IGNORED
        )

    def evaluate(self, model: nn.Module) -> dict[str, float]:
        assert isinstance(model, RetroModel)
        off = [document.without_retrieval() for document in self._validation]
        return {
            "bits_per_byte": self.bits_per_byte(model, self._validation),
            "bits_per_byte_off": self.bits_per_byte(model, off),
        }

    def bits_per_byte(self, model: RetroModel, documents: Sequence[Document]) -> float:
        """All bits of the validation passages by all their bytes."""
        bits = sum(self.bits(model, documents))
        return bits / sum(len(passage.text.encode()) for passage in self.split.validation)

    def bits(
        self, model: RetroModel, documents: Sequence[Document], label: str = ""
    ) -> list[float]:
        """Bits that each document costs."""
        return document_bits(
            model,
            documents,
            lambda batch: collate_documents(self.database, batch),
            per_forward=self.settings.per_forward,
            desc=label,
        )

    def trained(self, model: nn.Module) -> dict[str, TrainedModel]:
        return {self.recipe.name: TrainedModel(model.state_dict(), self.config.to_dict())}

    def write(
        self, folder: Path, name: str, trained: TrainedModel, curve: Sequence[Mapping[str, float]]
    ) -> None:
        """A RETRO checkpoint with its tokenizer; it changes no base model."""
        model = RetroModel(RetroConfig.from_dict(trained.config))
        model.load_state_dict(dict(trained.tensors))
        self.tokenizer.save_pretrained(folder)
        model.save_pretrained(folder)

    @cached_property
    def split(self) -> Split:
        """Passages to train on, to choose the checkpoint by, and to judge the model by."""
        data = self.recipe.data
        return split_passages(
            list(self.data.passages.values()),
            validation=self.settings.dev,
            test=data.held_out,
            per_title=self.settings.per_title,
            seed=self.recipe.split_seed,
            where=str(data.root / data.corpus),
        )

    @cached_property
    def tokenizer(self) -> ByteTokenizer:
        """Learnt from the training part alone."""
        texts = (passage.text for passage in self.split.train)
        return ByteTokenizer.train(texts, self.settings.vocabulary)

    @cached_property
    def database(self) -> ChunkDatabase:
        """Chunks of the training part, in the user's cache."""
        # On unit vectors the order of L2; and a chunk without any word is near to none.
        database = ChunkDatabase(
            self.tokenizer,
            self._key_encoder(),
            chunk_length=self.settings.chunk_length,
            metric="ip",
        )
        database.prepare(Corpus.from_passages(self.split.train, "training part"), Cache())
        return database

    @property
    def config(self) -> RetroConfig:
        """The model; the decoder's own positions are rotary, which costs the least."""
        settings: RetroLmSettings = self.settings
        m = settings.chunk_length

        def stack(
            layers: int, cross_layers: tuple[int, ...], ffw: int, position: SelfPosition
        ) -> StackConfig:
            return StackConfig(
                d_model=settings.width,
                heads=settings.width // _HEAD,
                head_dim=_HEAD,
                layers=layers,
                d_ffw=ffw * settings.width,
                cross_layers=tuple(cross_layers),
                position=position,
                cross_position="bias",
                dropout=settings.dropout,
            )

        return RetroConfig(
            vocab_size=len(self.tokenizer),
            decoder=stack(settings.layers, settings.cross_layers, 4, "rope"),
            encoder=stack(
                settings.encoder_layers, settings.conditioned_layers, settings.encoder_ffw, "bias"
            ),
            chunk_length=m,
            neighbour_length=2 * m,
            share_embeddings=True,
        )

    def _key_encoder(self) -> KeyEncoder:
        checkpoint = self.settings.keys
        if self.settings.static_keys:
            return StaticEncoder(checkpoint, (passage.text for passage in self.split.train))
        return TextEncoder(checkpoint, pooling="mean", normalize=True, max_length=None)

    @cached_property
    def _validation(self) -> list[Document]:
        return unseen_documents(self.database, self.split.validation, self.settings.neighbours)
