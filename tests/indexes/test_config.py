from __future__ import annotations

import json

import pytest
from pydantic import BaseModel, ValidationError

from odqa.indexes.config import FlatIndex, HnswIndex, IndexConfig, IvfPqIndex


class Holder(BaseModel):
    index: IndexConfig = FlatIndex()


@pytest.mark.parametrize("index", [FlatIndex(), HnswIndex(links=16), HnswIndex(), IvfPqIndex()])
def test_round_trip_without_defaults_keeps_the_type(index: IndexConfig) -> None:
    text = Holder(index=index).model_dump_json(exclude_defaults=True)
    assert Holder.model_validate_json(text).index == index


def test_parameters_of_another_type_are_refused() -> None:
    with pytest.raises(ValidationError):
        Holder.model_validate_json(json.dumps({"index": {"type": "flat", "probes": 3}}))


def test_identity_holds_the_search_parameters() -> None:
    assert HnswIndex(ef_search=7).identity()["ef_search"] == 7
