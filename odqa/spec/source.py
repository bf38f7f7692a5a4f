"""YAML text -> plain data with the file and line of every key."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from odqa.data.paths import is_folder
from odqa.errors import SpecError
from odqa.suggest import did_you_mean

#: Keys from the root to a value, list positions included: ``("pipelines", 0, "name")``.
KeyPath = tuple[str | int, ...]

#: More than any spec needs: bytes of its text, levels of nesting, and values. Aliases of aliases
#: reach the last before they fill the memory.
_MOST_BYTES, _MOST_LEVELS, _MOST_VALUES = 1_000_000, 50, 20_000
_MERGE = "tag:yaml.org,2002:merge"
_BOOL = "tag:yaml.org,2002:bool"
_FLOAT = "tag:yaml.org,2002:float"
_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


@dataclass(slots=True)
class Source:
    """Nested plain data with the place (``file:line``) of every value in it."""

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

    def folder(self, path: KeyPath) -> Path:
        """The folder of the file that holds a value: a parent's where the value is inherited."""
        place = self.places.get(path, "")
        return Path(place.rpartition(":")[0] or self.origin).parent


class _TooDeep(Exception):
    def __init__(self, line: int) -> None:
        self.line = line


class _Loader(yaml.SafeLoader):
    """Safe YAML by the rules of version 1.2 where 1.1 surprises.

    Dates, ``on`` and ``yes`` stay text, and ``1e-5`` is a number. Too deep a nesting is refused
    while it is read, not by the depth of Python's stack.
    """

    levels = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.levels += 1
        if self.levels > _MOST_LEVELS:
            raise _TooDeep(self.peek_event().start_mark.line + 1)  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        self.levels -= 1
        return node


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":bool"))
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(_BOOL, re.compile("^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF")
_Loader.add_implicit_resolver(
    _FLOAT, re.compile(r"^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"), "-+.0123456789"
)


def read_source(path: Path) -> Source:
    """Read one YAML file.

    Raises:
        SpecError: missing or unreadable file, wrong bytes, more than a megabyte, broken YAML,
            repeated keys, values that are not plain (tags, infinities), or anything but a mapping
            at the top.
    """
    data = b""
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise SpecError("is no file", where=str(path), cure="pass a spec file")
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise _too_long(str(path))
        text = data.decode("utf-8")
    except FileNotFoundError:
        siblings = [p.name for p in path.parent.glob("*.y*ml")] if is_folder(path.parent) else []
        cure = did_you_mean(path.name, siblings) if siblings else "check the path"
        raise SpecError("no such spec file", where=str(path), cure=cure) from None
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SpecError(
            "not UTF-8 text", where=f"{path}:{line}", cure="save the file as UTF-8"
        ) from None
    except (OSError, ValueError) as error:
        # A path with a null character is a ValueError.
        reason = getattr(error, "strerror", None) or error
        raise SpecError(f"cannot be read ({reason})", where=str(path)) from None
    return parse_source(text, str(path))


def parse_source(text: str, origin: str) -> Source:
    """Parse YAML text; ``origin`` names it in messages. Raises as `read_source`."""
    places: dict[KeyPath, str] = {}
    data = _parse(text, origin, places)
    if not isinstance(data, dict):
        kind = {list: "a list", type(None): "nothing"}.get(type(data), "a single value")
        raise SpecError(
            f"expected keys, found {kind}", where=f"{origin}:1", cure="start it with 'name: …'"
        )
    return Source(data, places, origin)


def parse_value(text: str, origin: str) -> Any:
    """The plain value of one YAML text such as ``50``; empty text is itself. Raises as above."""
    return _parse(text, origin, {}) if text.strip() else ""


def _too_long(origin: str) -> SpecError:
    what = f"more than {_MOST_BYTES:,} bytes, which no spec has"
    return SpecError(what, where=origin, cure="is this another file?")


def _parse(text: str, origin: str, places: dict[KeyPath, str]) -> Any:
    if len(text) > _MOST_BYTES:
        raise _too_long(origin)
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            return None if node is None else _Values(loader, origin, places).of(node, ())
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise SpecError(
            f"broken YAML: {error.problem or error.context}", where=f"{origin}:{line}"
        ) from None
    except yaml.YAMLError as error:
        raise SpecError(f"broken YAML: {error}", where=origin) from None
    except ValueError as error:
        # The version of a %YAML directive may have more digits than Python turns into a number.
        raise SpecError(f"broken YAML: {error}", where=origin) from None
    except _TooDeep as error:
        what = f"nested too deeply, more than {_MOST_LEVELS} levels"
        raise SpecError(what, where=f"{origin}:{error.line}") from None


class _Values:
    """YAML nodes -> plain values; records the place of each."""

    def __init__(self, loader: _Loader, origin: str, places: dict[KeyPath, str]) -> None:
        self.loader = loader
        self.origin = origin
        self.places = places
        self.remaining = _MOST_VALUES
        self.open_nodes: set[int] = set()

    def of(self, node: yaml.Node, path: KeyPath) -> Any:
        """The value of a node that stands at ``path``."""
        place = self._place(node)
        self.places.setdefault(path, place)
        self.remaining -= 1
        if self.remaining < 0:
            raise SpecError(
                f"more than {_MOST_VALUES:,} values, aliases counted each time",
                where=self.origin,
                cure="is this a spec?",
            )
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, place)
        if node.tag not in _COLLECTIONS:
            raise SpecError(f"not plain values (tag {node.tag})", where=place)
        if id(node) in self.open_nodes:
            raise SpecError("an alias that holds itself", where=place)
        self.open_nodes.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, path)
            return [self.of(item, (*path, n)) for n, item in enumerate(node.value)]
        finally:
            self.open_nodes.remove(id(node))

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        values: dict[str, Any] = {}
        # A key of the mapping itself wins over one merged by '<<'; of several merges the first.
        merges = [value for key, value in node.value if key.tag == _MERGE]
        for merged_node in reversed(merges):
            values |= self._merged(merged_node, path)
        own_keys: set[str] = set()
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                continue
            line = self._place(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                raise SpecError("a key must be a plain word", where=line)
            key = key_node.value
            if key in own_keys:
                raise SpecError(f"key '{key}' is given twice", where=line, cure="keep one of them")
            own_keys.add(key)
            self.places[(*path, key)] = line
            values[key] = self.of(value_node, (*path, key))
        return values

    def _merged(self, node: yaml.Node, path: KeyPath) -> dict[str, Any]:
        mappings = node.value if isinstance(node, yaml.SequenceNode) else [node]
        values: dict[str, Any] = {}
        for mapping in reversed(mappings):
            if not isinstance(mapping, yaml.MappingNode):
                raise SpecError("'<<' merges keys, found none", where=self._place(node))
            values |= self.of(mapping, path)
        return values

    def _scalar(self, node: yaml.ScalarNode, place: str) -> Any:
        try:
            value = self.loader.construct_object(node)
        except ValueError as error:
            raise SpecError(f"not a plain value ({error})", where=place) from None
        if isinstance(value, float) and not math.isfinite(value):
            raise SpecError("not a finite number", where=place)
        if not isinstance(value, str | int | float | bool | None):
            raise SpecError("not a plain value", where=place, cure="quote it to make it text")
        return value

    def _place(self, node: yaml.Node) -> str:
        return f"{self.origin}:{node.start_mark.line + 1}"
