"""YAML text -> plain data that remembers where every key stood."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from odqa.errors import SpecError
from odqa.suggest import did_you_mean

#: Keys from the root to a value, list positions included: ``("pipelines", 0, "name")``.
KeyPath = tuple[str | int, ...]


@dataclass(slots=True)
class Source:
    """Nested plain data with the place of every value in it."""

    data: dict[str, Any]
    places: dict[KeyPath, str] = field(default_factory=dict)
    origin: str = ""

    def where(self, path: KeyPath) -> str:
        """``file:line: key`` of a value; of its nearest ancestor where the key is missing."""
        key = ".".join(str(part) for part in path)
        for length in range(len(path), -1, -1):
            place = self.places.get(path[:length])
            if place is not None:
                return f"{place}: {key}" if key else place
        return f"{self.origin}: {key}" if key else self.origin


class _Loader(yaml.SafeLoader):
    """Safe YAML in which dates stay text and ``on``/``yes`` stay words."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_source(path: Path) -> Source:
    """Read one YAML file.

    Raises:
        SpecError: missing or unreadable file, wrong bytes, broken YAML, repeated keys, values
            that are not plain (tags, infinities), or anything but a mapping at the top.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        beside = [p.name for p in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        cure = did_you_mean(path.name, beside) if beside else "check the path"
        raise SpecError("no such spec file", where=str(path), cure=cure) from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise SpecError(
            "not UTF-8 text", where=f"{path}:{line}", cure="save the file as UTF-8"
        ) from None
    except OSError as error:
        raise SpecError(f"cannot be read ({error.strerror})", where=str(path)) from None
    return parse_source(text, str(path))


def parse_source(text: str, origin: str) -> Source:
    """Parse YAML text; ``origin`` names it in messages. Raises as `read_source`."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise SpecError("holds no keys", where=f"{origin}:1", cure="start it with 'name: …'")
        places: dict[KeyPath, str] = {}
        data = _plain(loader, node, (), origin, places)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise SpecError(
            f"broken YAML: {error.problem or error.context}", where=f"{origin}:{line}"
        ) from None
    except yaml.YAMLError as error:
        raise SpecError(f"broken YAML: {error}", where=origin) from None
    finally:
        loader.dispose()
    assert isinstance(data, dict)
    return Source(data, places, origin)


def _plain(
    loader: _Loader, node: yaml.Node, path: KeyPath, origin: str, places: dict[KeyPath, str]
) -> Any:
    place = f"{origin}:{node.start_mark.line + 1}"
    places.setdefault(path, place)
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = f"{origin}:{key_node.start_mark.line + 1}"
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None:
                raise SpecError("a key must be a plain word", where=line)
            if key in found:
                raise SpecError(f"key '{key}' is given twice", where=line, cure="keep one of them")
            places[(*path, key)] = line
            found[key] = _plain(loader, value_node, (*path, key), origin, places)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [
            _plain(loader, item, (*path, position), origin, places)
            for position, item in enumerate(node.value)
        ]
    value = loader.construct_object(node)
    if isinstance(value, float) and not math.isfinite(value):
        raise SpecError("not a finite number", where=place)
    if not isinstance(value, str | int | float | bool | None):
        raise SpecError("not a plain value", where=place, cure="quote it to make it text")
    return value
