"""Prompts as the chat template of a checkpoint writes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from odqa.checkpoints.weights import first_line
from odqa.errors import CheckpointError
from odqa.generation.language_model import Prompt


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """A tokenizer's template; ``has_system``: it takes a message of the system."""

    tokenizer: Any
    name: str
    has_system: bool

    @property
    def described(self) -> str:
        """For reports."""
        return "chat template" if self.has_system else "chat template without system message"

    def render(self, prompt: Prompt) -> str:
        """The text up to where the model's answer begins.

        Raises:
            CheckpointError: the template fails.
        """
        messages = [{"role": "user", "content": prompt.text if self.has_system else prompt.plain}]
        if self.has_system and prompt.instruction:
            messages.insert(0, {"role": "system", "content": prompt.instruction})
        try:
            return _render(self.tokenizer, messages)
        except Exception as error:  # templates raise whatever they like
            raise CheckpointError(
                f"its chat template fails ({first_line(error)})",
                where=self.name,
                cure="set chat_template: false",
            ) from error


def chat_format(tokenizer: Any, name: str) -> ChatFormat | None:
    """How a checkpoint writes chats; `None` for one without a template.

    Some templates refuse or drop a message of the system; the instruction then stands in front of
    the user's text.
    """
    if not getattr(tokenizer, "chat_template", None):
        return None
    mark = "an instruction"
    try:
        messages = [{"role": "system", "content": mark}, {"role": "user", "content": "x"}]
        has_system = mark in _render(tokenizer, messages)
    except Exception:  # as above
        has_system = False
    chat = ChatFormat(tokenizer, name, has_system)
    # A template that cannot write even this is refused now and not at the first question.
    chat.render(Prompt("x"))
    return chat


def _render(tokenizer: Any, messages: list[dict[str, str]]) -> str:
    return str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
