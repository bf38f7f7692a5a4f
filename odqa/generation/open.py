"""From the keys of a spec to a language model that is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odqa.generation.config import LanguageModelConfig

if TYPE_CHECKING:
    from odqa.cache import Cache
    from odqa.generation.language_model import LanguageModel


def open_language_model(config: LanguageModelConfig, cache: Cache) -> LanguageModel:
    """The local model or the endpoint that a component's config names.

    Raises:
        CheckpointError: a checkpoint that is no causal language model, or incomplete.
        EnvironmentProblem: the key's environment variable is not set, no GPU, a hub out of reach.
    """
    if config.endpoint is not None:
        from odqa.generation.endpoint import Endpoint

        endpoint = Endpoint(config.endpoint, cache)
        # Before anything is computed.
        endpoint.require_key()
        return endpoint
    from odqa.generation.local import load_local_model

    return load_local_model(
        config.checkpoint,
        cache,
        chat_template=config.chat_template,
        batch_size=config.batch_size,
        device=config.device,
        precision=config.precision,
    )
