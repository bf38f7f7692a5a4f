"""The code that decides a component's results: of classes outside odqa, a hash of their source.

A class that is edited in a notebook or a plug-in and run again must not get its old results. Its
key therefore holds the source text of the class, of what it inherits from outside odqa, and of the
functions, classes and plain constants of its own package that this source names, and how it calls
what it takes from elsewhere.

Source counts only as far as it is what runs: of a function whose file was edited after it was
imported, and of one that has no source, the compiled code counts instead.
"""

from __future__ import annotations

import hashlib
import inspect
import re
from collections.abc import Iterator, Mapping
from functools import cache, cached_property, partial, partialmethod
from types import CodeType, FunctionType, ModuleType
from typing import Any

_PLAIN = (str, bytes, int, float, complex, bool, type(None))


def code_identity(kind: type[Any]) -> Mapping[str, str]:
    """``{"code": SHA-256}`` for a component class from outside odqa, nothing for one of odqa."""
    if _package(kind) == "odqa":
        return {}
    digest = hashlib.sha256()
    for line in sorted(set(_Source().of(kind))):
        digest.update(line.encode(errors="replace") + b"\0")
    return {"code": digest.hexdigest()}


def _package(value: Any) -> str:
    named = "__name__" if isinstance(value, ModuleType) else "__module__"
    return str(getattr(value, named, None) or "").partition(".")[0]


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
        except (OSError, TypeError):
            # A notebook's class has no file: its functions and constants stand for it.
            bases = ", ".join(base.__qualname__ for base in kind.__bases__)
            yield f"class {kind.__qualname__}({bases})"
        for name, member in vars(kind).items():
            for part in _parts(member):
                # A function inside of a class is the class's, wherever it was written.
                if isinstance(part, FunctionType):
                    yield from self.of(part)
                elif name[:2] != "__":
                    yield from self._named(f"{kind.__qualname__}.{name}", part, _package(kind))

    def _function(self, function: FunctionType) -> Iterator[str]:
        yield f"{function.__qualname__}: {_text(function.__code__)}"
        yield f"{function.__qualname__} defaults: {_constant(function.__defaults__)}"
        yield f"{function.__qualname__} defaults: {_constant(function.__kwdefaults__)}"
        for name, value in _looked_up(function):
            for part in _parts(value):
                yield from self._named(f"{function.__module__}.{name}", part, _package(function))

    def _named(self, name: str, value: Any, package: str) -> Iterator[str]:
        """A value as text: a constant; code of the same package, or of whose class an object is;
        the name of what is from elsewhere."""
        if (text := _constant(value)) is not None:
            yield f"{name} = {text}"
        elif isinstance(value, ModuleType):
            yield f"{name} = {value.__name__}"
        elif _package(value) == package:
            is_code = isinstance(value, type | FunctionType)
            yield from self.of(value if is_code else type(value))
        elif hasattr(value, "__qualname__"):
            module = getattr(value, "__module__", "")
            yield f"{name} = {module}.{value.__qualname__}"


def _looked_up(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """What a function takes from outside: globals, closure, and what is in modules that it names.

    Only modules of its own package are looked into.
    """
    names = _names(function.__code__)
    spaces: list[Mapping[str, Any]] = [function.__globals__]
    for space in spaces:
        for name in filter(space.__contains__, names):
            value = space[name]
            yield name, value
            is_ours = isinstance(value, ModuleType) and _package(value) == _package(function)
            if is_ours and not any(vars(value) is known for known in spaces):
                spaces.append(vars(value))
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    yield from ((name, cell.cell_contents) for name, cell in cells)


def _parts(member: Any) -> tuple[Any, ...]:
    """The functions and values behind an attribute or a global; itself where it is plain."""
    if isinstance(member, property):
        return (member.fget, member.fset)
    if isinstance(member, staticmethod | classmethod):
        return (member.__func__,)
    if isinstance(member, cached_property):
        return (member.func,)
    if isinstance(member, partial | partialmethod):
        return (member.func, member.args, member.keywords)
    # A decorated function has the other one in its closure; other objects (caches) hold it.
    is_wrapper = not isinstance(member, type | FunctionType) and hasattr(member, "__wrapped__")
    return (member.__wrapped__,) if is_wrapper else (member,)


def _constant(value: Any) -> str | None:
    """A plain value as text; `None` for anything that has no text of its own."""
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, re.Pattern):
        return f"{value.pattern!r} {value.flags}"
    if isinstance(value, dict):
        value = tuple(value.items())
    if not isinstance(value, tuple | list | set | frozenset):
        return None
    texts = [_constant(item) for item in value]
    if isinstance(value, set | frozenset):
        texts = sorted(texts, key=str)
    return None if None in texts else f"({', '.join(map(str, texts))})"


def _text(code: CodeType) -> str:
    """Its source, where that can be had (a file, a cell) and is what runs; else the code itself."""
    try:
        lines, _ = inspect.findsource(code)
        if code in _compiled("".join(lines)):
            return inspect.getsource(code)
    except (OSError, TypeError, SyntaxError):
        pass
    constants = [
        _text(each) if isinstance(each, CodeType) else _constant(each) or repr(each)
        for each in code.co_consts
    ]
    return f"{code.co_code.hex()} {constants!r} {code.co_names!r}"


@cache
def _compiled(source: str) -> frozenset[CodeType]:
    """Every piece of code that a source is compiled to."""
    found, waiting = set(), [compile(source, "", "exec", dont_inherit=True)]
    while waiting:
        code = waiting.pop()
        found.add(code)
        waiting += [each for each in code.co_consts if isinstance(each, CodeType)]
    return frozenset(found)


def _names(code: CodeType) -> list[str]:
    """Every global that the code, or code inside of it, may look up."""
    inner = [
        name
        for constant in code.co_consts
        if isinstance(constant, CodeType)
        for name in _names(constant)
    ]
    return [*code.co_names, *inner]
