"""Every error a user can cause, each as one line: what, where, what to do.

The command line prints ``str(error)`` and exits with code 2; Python callers catch `OdqaError`.
"""

from __future__ import annotations

from collections.abc import Sequence

from odqa.escapes import in_message


class OdqaError(Exception):
    """Base of all errors caused by input or environment, never by a bug in odqa.

    Args:
        what: what is wrong, without a full stop.
        where: file and line, or key, or component.
        cure: what to do about it.
    """

    def __init__(self, what: str, *, where: str = "", cure: str = "") -> None:
        self.what = what
        self.where = where
        self.cure = cure
        super().__init__(self.line())

    def line(self) -> str:
        """The one line shown to the user."""
        what, where, cure = (in_message(part) for part in (self.what, self.where, self.cure))
        head = f"{where}: {what}" if where else what
        return f"{head}; {cure}" if cure else head

    def __reduce__(self) -> tuple[object, ...]:
        # Keyword-only arguments are lost by the default pickling of exceptions.
        return _rebuild, (type(self), self.what, self.where, self.cure)


def _rebuild(cls: type[OdqaError], what: str, where: str, cure: str) -> OdqaError:
    return cls(what, where=where, cure=cure)


class SpecError(OdqaError):
    """A pipeline or benchmark spec is wrong."""


class SpecErrors(OdqaError):
    """All problems of all specs, found before anything heavy started."""

    def __init__(self, problems: Sequence[OdqaError]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(p.line() for p in problems))

    def line(self) -> str:
        return self.what

    def __str__(self) -> str:
        return "\n".join(p.line() for p in self.problems)

    def __reduce__(self) -> tuple[object, ...]:
        return SpecErrors, (self.problems,)


class DataError(OdqaError):
    """A corpus, question set, qrels or run file cannot be used."""


class CheckpointError(OdqaError):
    """A model checkpoint is missing, of another kind, or incomplete."""


class CacheError(OdqaError):
    """The artifact cache cannot be read or written."""


class EnvironmentProblem(OdqaError):
    """Something of the machine is missing: Java, a device, the network, disk space."""


class ComponentError(OdqaError):
    """A component type is unknown, cannot be imported, or breaks its contract."""


class RunError(OdqaError):
    """A run folder or a comparison request cannot be used."""
