"""``odqa components``: the registered component types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from odqa.cli.output import echo

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo


def components(
    role: Annotated[
        str | None,
        typer.Argument(help="rewriter, retriever, fusion, ranker or reader; all without it."),
    ] = None,
) -> None:
    """List component types with their place on the map and their parameters."""
    from odqa.errors import ComponentError
    from odqa.registry import ROLES, entries
    from odqa.suggest import did_you_mean

    roles = [name for name in ROLES if role in (None, name)]
    if role is not None and not roles:
        raise ComponentError(f"unknown role '{role}'", cure=did_you_mean(role, ROLES))
    broken = 0
    for entry in (entry for name in roles for entry in entries(name)):
        try:
            kind = entry.load()
        except ComponentError as error:
            # One bad plug-in must not hide the rest.
            echo(f"{entry.role} {entry.name}  ({entry.origin})\n  broken: {error}")
            broken += 1
            continue
        summary = (kind.__doc__ or "").strip().splitlines()
        echo(f"{entry.role} {entry.name}  ({entry.origin})")
        if summary:
            echo(f"  {summary[0]}")
        place = f"{kind.representation} x {kind.interaction}"
        if entry.role not in ("fusion", "rewriter"):
            echo(f"  map: {place}")
        if kind.precomputes:
            echo(f"  offline: {', '.join(kind.precomputes)}")
        for name, field in kind.Config.model_fields.items():
            default = "required" if field.is_required() else f"default {_default(field)!r}"
            echo(f"    {name}: {field.description or ''} [{default}]")
    if broken:
        raise typer.Exit(2)


def _default(field: FieldInfo) -> object:
    return field.get_default(call_default_factory=True, validated_data={})
