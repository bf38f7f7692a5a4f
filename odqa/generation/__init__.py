"""Language models, local and behind an endpoint, by one interface: `LanguageModel.complete`.

A local one is any causal checkpoint of transformers; an endpoint is any server that speaks OpenAI's
protocol (``/chat/completions`` or ``/completions``). `open_language_model` makes either from the
keys that components share (`LanguageModelConfig`). What endpoints answer is kept in the cache by
its content, so that a rerun asks nothing. Importing this package imports no torch.
"""

from odqa.generation.config import EndpointConfig, LanguageModelConfig
from odqa.generation.language_model import Completion, LanguageModel, Prompt
from odqa.generation.open import open_language_model

__all__ = [
    "Completion",
    "EndpointConfig",
    "LanguageModel",
    "LanguageModelConfig",
    "Prompt",
    "open_language_model",
]
