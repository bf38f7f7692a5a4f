"""How likely an extractive reader answers right from a passage, as REALM has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from odqa.encoders.task_model import TaskModel, load_task_model
from odqa.readers.windows import make_windows
from odqa.training.data.answer_spans import find_answers, token_spans
from odqa.types import Passage, Question

if TYPE_CHECKING:
    from odqa.cache import Cache

#: Score of a passage without an answer, whose likelihood is 0, and the lowest there is: run files
#: hold numbers, and e^-30 is nothing beside any passage that has one.
LOWEST = -30.0

# Tokens of a window and those that neighbours share, as the reader's own defaults; windows read at
# once.
_MAX_LENGTH, _DOC_STRIDE, _BATCH = 384, 128, 16


def load_span_reader(checkpoint: str, cache: Cache) -> TaskModel:
    """An extractive reader, in float32.

    Raises:
        CheckpointError: another kind of checkpoint, or an incomplete one.
    """
    return load_task_model(
        "AutoModelForQuestionAnswering",
        checkpoint,
        cache,
        max_length=_MAX_LENGTH,
        device="auto",
        precision="float32",
    )


def span_scores(model: TaskModel, question: Question, passages: Sequence[Passage]) -> list[float]:
    """``log p(answer | question, passage)``, natural logarithm, each passage read alone.

    Guu et al. 2020, *REALM*, section 3.1: the probability of all spans that are an accepted answer,
    together, among all spans of the passage; here also among "no answer" ([CLS]), and start and end
    are chosen apart (Devlin et al. 2019, section 4.2). Of a passage that does not fit one window
    the likeliest window counts.

    Args:
        model: of `load_span_reader`.
        question: with its accepted answers.
        passages: to be scored.

    Returns:
        A number for each passage, `LOWEST` or more; NaN where the model gives no finite number.
    """
    import torch

    from odqa.readers.span_scores import offset_between_windows
    from odqa.readers.window_logits import window_logits

    windows = make_windows(
        model.tokenizer,
        question.text,
        passages,
        max_length=_MAX_LENGTH,
        doc_stride=_DOC_STRIDE,
        title=True,
    )
    ranges = [find_answers(passage.text, question.answers) for passage in passages]
    answered = [
        (window, spans)
        for window in windows
        if (spans := token_spans(window, ranges[window.passage]))
    ]
    scores = np.full(len(passages), LOWEST)
    for first in range(0, len(answered), _BATCH):
        batch = answered[first : first + _BATCH]
        read = window_logits(model, [window for window, _ in batch])
        normaliser = offset_between_windows(
            read.start, read.end, read.allowed, read.null, "probability"
        )
        for row, (window, spans) in enumerate(batch):
            logits = torch.stack([read.start[row, i] + read.end[row, j] for i, j in spans])
            value = float(logits.double().logsumexp(0) - normaliser[row].double())
            # Unlike `max`, it keeps NaN, which has to be named.
            scores[window.passage] = np.maximum(scores[window.passage], value)
    return [float(score) for score in scores]
