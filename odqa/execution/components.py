"""The component of a stage, and the content hashes of the files that the stage names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from odqa import registry
from odqa.interfaces import Component, ModelConfig
from odqa.spec.stage import StageSpec
from odqa.threads import wait_asleep

if TYPE_CHECKING:
    from odqa.cache import Cache


def make_component(stage: StageSpec) -> Component[Any]:
    """The component a stage describes; cheap, nothing is loaded."""
    # Here, because every run of a spec passes here before a component loads torch.
    wait_asleep()
    return registry.get(stage.role, stage.type)(stage.config)


def stage_sources(stage: StageSpec, cache: Cache) -> Mapping[str, str]:
    """Content hashes of the files that a stage names: checkpoints, and what its component adds.

    Raises:
        CheckpointError, EnvironmentProblem: one of them cannot be found.
    """
    sources: dict[str, str] = {}
    if isinstance(stage.config, ModelConfig):
        from odqa.checkpoints.resolve import checkpoint_sources

        sources |= checkpoint_sources(cache, *stage.config.checkpoints())
    return {**sources, **make_component(stage).sources(cache)}
