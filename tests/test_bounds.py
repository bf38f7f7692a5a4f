from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from odqa.bounds import check_value
from odqa.indexes.config import HnswIndex, IvfPqIndex
from odqa.interfaces import ComponentConfig
from odqa.registry import entries
from odqa.spec.pipeline import parse_pipeline


@pytest.mark.parametrize(
    "value", [2**32, -(2**32), 1e10, math.nan, math.inf, "a\0", "a" * 10_001, Path("a" * 10_001)]
)
def test_values_beyond_reason(value: Any) -> None:
    for whole in (value, [1, value], {"key": {"inner": (value,)}}):
        with pytest.raises(ValueError, match=r"expected a number|a text"):
            check_value(whole)


def test_values_within_reason() -> None:
    check_value([2**32 - 1, True, None, 1e9, -0.0, "line\nline", Path("x"), {"k": [()]}])


def test_components_of_others_are_bounded_too() -> None:
    class Config(ComponentConfig):
        number: int = 0
        numbers: tuple[float, ...] = ()

    for values in ({"number": 2**70}, {"numbers": (1.0, math.nan)}):
        with pytest.raises(ValidationError):
            Config.model_validate(values)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (HnswIndex, {"links": 1}),
        (HnswIndex, {"links": 2**40}),
        (IvfPqIndex, {"lists": 2**40}),
        (IvfPqIndex, {"probes": 2**40}),
        (IvfPqIndex, {"refine": 2**31}),
    ],
)
def test_indexes(kind: type[ComponentConfig], values: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        kind.model_validate(values)


@pytest.mark.parametrize("entry", list(entries()), ids=lambda entry: f"{entry.role}-{entry.name}")
def test_every_number_of_every_component_has_an_end(entry: Any) -> None:
    config = entry.load().Config
    for key, field in config.model_fields.items():
        required = {"path": "x"} if "path" in config.model_fields else {}
        for kind, values in ((int, (2**70, -(2**70))), (float, (math.inf, 1e300, math.nan))):
            if kind in (field.annotation, *getattr(field.annotation, "__args__", ())):
                for value in values:
                    with pytest.raises(ValidationError, match=key):
                        config.model_validate(required | {key: value})


@pytest.mark.parametrize("entry", list(entries()), ids=lambda entry: f"{entry.role}-{entry.name}")
def test_every_name_of_a_file_can_be_one(entry: Any) -> None:
    config = entry.load().Config
    keys = {"path", "checkpoint", "question_encoder", "passage_encoder"} & set(config.model_fields)
    for key in keys:
        for value in ("", "\0", "a\nb", "\x1b[31m", "a" * 5000):
            with pytest.raises(ValidationError, match=key):
                config.model_validate({key: value})


#: Folders, hidden files, other characters, too long, devices of Windows.
BAD_NAMES = (
    *("", ".", "..", ".hidden", "-a", "~a", "a.", "a/b", "a\\b"),
    *("a b", "a\nb", "a\0", "é", "n" * 101, "CON", "nul.txt", "com1"),
)


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_no_file_can_have(name: str) -> None:
    spec = {"name": "good", "retriever": {"type": "bm25"}}
    for bad in ({**spec, "name": name}, {**spec, "retriever": {"type": "bm25", "id": name}}):
        with pytest.raises(Exception, match=r"is no name|is no id|a text with a null") as caught:
            parse_pipeline(bad)
        assert type(caught.value).__name__ == "SpecErrors"


def test_names_that_files_have() -> None:
    for name in ("n" * 100, "bm25-colbert", "oracle+dpr", "v1.2_x", "console", "nullable", "8"):
        assert parse_pipeline({"name": name, "retriever": {"type": "bm25"}}).name == name
