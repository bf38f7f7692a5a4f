"""The code that decides a component's results: of classes outside odqa, a hash of their source.

A component of odqa needs none: its ``version`` is raised when results change.

A class that is edited in a notebook or a plug-in and run again must not get its old results. The
hash therefore covers the source text of the class, of its bases outside odqa, and of the functions,
classes and plain constants of its own package that this source uses.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType
from typing import Any

_PLAIN = (str, bytes, int, float, complex, bool, type(None), re.Pattern)


def code_identity(kind: type[Any]) -> Mapping[str, str]:
    """``{"code": SHA-256}`` for a component class from outside odqa, nothing for one of odqa."""
    if _package(kind) == "odqa":
        return {}
    digest = hashlib.sha256()
    for line in sorted(set(_Source().of(kind))):
        digest.update(line.encode(errors="replace") + b"\0")
    return {"code": digest.hexdigest()}


def _package(value: Any) -> str:
    return str(getattr(value, "__module__", None) or "").partition(".")[0]


class _Source:
    """Collects source texts, each class and function once."""

    def __init__(self) -> None:
        self._visited: set[int] = set()

    def of(self, value: Any) -> Iterator[str]:
        """The texts of a class or function and of what it uses in its own package."""
        if id(value) in self._visited:
            return
        self._visited.add(id(value))
        if isinstance(value, type):
            yield from self._class(value)
        elif isinstance(value, FunctionType):
            yield from self._function(value)

    def _class(self, kind: type[Any]) -> Iterator[str]:
        odqa_bases = [base for base in kind.__mro__ if _package(base) == "odqa"]
        for base in kind.__mro__[1:]:
            # What odqa inherits itself (pydantic, ABC) is no part of the component.
            if (
                not any(issubclass(odqa_base, base) for odqa_base in odqa_bases)
                and base is not object
            ):
                yield from self.of(base)
        try:
            yield inspect.getsource(kind)
            has_source = True
        except (OSError, TypeError):
            # A notebook's class has no file: its functions and constants stand for it.
            bases = ", ".join(base.__qualname__ for base in kind.__bases__)
            yield f"class {kind.__qualname__}({bases})"
            has_source = False
        for name, member in vars(kind).items():
            for part in _parts(member):
                if isinstance(part, FunctionType) or (
                    isinstance(part, type) and _package(part) == _package(kind)
                ):
                    yield from self.of(part)
                elif not has_source and name[:2] != "__" and (text := _constant(part)) is not None:
                    yield f"{kind.__qualname__}.{name} = {text}"

    def _function(self, function: FunctionType) -> Iterator[str]:
        yield f"{function.__qualname__}: {_text(function)}"
        yield f"{function.__qualname__} defaults: {_constant(function.__defaults__)}"
        globals_used = {
            name: function.__globals__[name]
            for name in _names(function.__code__)
            if name in function.__globals__
        }
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        globals_used |= {name: cell.cell_contents for name, cell in cells}
        for name, value in globals_used.items():
            if (text := _constant(value)) is not None:
                yield f"{function.__module__}.{name} = {text}"
            elif _package(value) == _package(function):
                yield from self.of(inspect.unwrap(value) if callable(value) else value)


def _parts(member: Any) -> tuple[Any, ...]:
    """The functions of a class's attribute, such as a property, else the attribute itself."""
    if isinstance(member, property):
        return (member.fget, member.fset)
    if isinstance(member, staticmethod | classmethod):
        return (member.__func__,)
    return (inspect.unwrap(member) if isinstance(member, FunctionType) else member,)


def _constant(value: Any) -> str | None:
    """A plain value as text; `None` for anything that has no text of its own."""
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, dict):
        value = tuple(value.items())
    if not isinstance(value, tuple | list | set | frozenset):
        return None
    texts = [_constant(item) for item in value]
    if isinstance(value, set | frozenset):
        texts = sorted(texts, key=str)
    return None if None in texts else f"({', '.join(map(str, texts))})"


def _text(function: FunctionType) -> str:
    """The source where available (a file, a notebook's cell), else the byte code."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        code = function.__code__
        constants = [constant for constant in code.co_consts if not isinstance(constant, CodeType)]
        return f"{code.co_code.hex()} {constants!r} {code.co_names!r}"


def _names(code: CodeType) -> list[str]:
    """Every global that the code, or code inside of it, may look up."""
    inner = [
        name
        for constant in code.co_consts
        if isinstance(constant, CodeType)
        for name in _names(constant)
    ]
    return [*code.co_names, *inner]
