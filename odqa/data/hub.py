"""Questions and passages from the Hugging Face hub: parquet-backed sets only, no remote code."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from odqa.data.nq_open import collect
from odqa.data.questions import QuestionSet
from odqa.errors import DataError, EnvironmentProblem
from odqa.types import Passage

_SECONDS_TO_REACH = 5
_NQ_OPEN = "google-research-datasets/nq_open"
_FORM = "write hf:owner/name:split or hf:owner/name:config:split, with name@REVISION to pin it"
_QUESTIONS_INSTEAD = "pass a local NQ-open .jsonl file instead"
_PASSAGES_INSTEAD = "pass a local DPR .tsv(.gz) file or a BEIR folder instead"


class HubRef(NamedTuple):
    """A split of a dataset on the hub (or of a local folder with the same layout)."""

    name: str
    config: str | None
    split: str

    @property
    def repository(self) -> tuple[str, str | None]:
        """Its name without the revision, and the revision, if it names one."""
        if Path(self.name).is_dir():
            return self.name, None
        name, _, revision = self.name.partition("@")
        return name, revision or None

    def __str__(self) -> str:
        return ":".join(part for part in ("hf", *self) if part)


def parse_ref(ref: str) -> HubRef | None:
    """``nq-open``, ``nq-open:SPLIT`` or ``hf:owner/name[@REVISION][:config]:split``.

    Returns:
        `None` for other names.

    Raises:
        DataError: it begins like one of these, but has another form.
    """
    head, *parts = ref.split(":")
    if head == "nq-open" and len(parts) < 2 and all(parts):
        return HubRef(_NQ_OPEN, None, parts[0] if parts else "validation")
    if head not in ("hf", "nq-open"):
        return None
    if head == "nq-open" or len(parts) not in (2, 3) or not all(parts):
        raise DataError(f"'{ref}' is no name on the hub", cure=_FORM)
    return HubRef(parts[0], parts[1] if len(parts) == 3 else None, parts[-1])


def read_questions(ref: HubRef) -> QuestionSet:
    """Questions of a set with columns of any layout of `odqa.data.answer_layouts`.

    Raises:
        EnvironmentProblem: the hub cannot be reached. DataError: no such set, or other columns.
    """
    name, _ = ref.repository
    stem = f"{name.rstrip('/').rsplit('/', 1)[-1]}-{ref.split}"
    rows = enumerate(_load(ref, _QUESTIONS_INSTEAD), start=1)
    return collect(str(ref), stem, ((f"{ref}, row {number}", row) for number, row in rows))


class HubPassages:
    """The passages of a set with the columns ``id`` (or ``_id``), ``text``, perhaps ``title``.

    Raises:
        EnvironmentProblem: the hub cannot be reached. DataError: no such set, or other columns.
    """

    def __init__(self, ref: HubRef) -> None:
        self._ref = ref
        self._rows = _load(ref, _PASSAGES_INSTEAD)
        columns = self._rows.column_names
        self._id = next((name for name in ("id", "_id") if name in columns), "")
        if not self._id or "text" not in columns:
            raise DataError(
                f"no columns id and text, but {', '.join(columns)}",
                where=str(ref),
                cure=_PASSAGES_INSTEAD,
            )

    @property
    def version(self) -> list[str]:
        """Identifies the content: the files with their revisions on the hub."""
        return sorted(self._rows.info.download_checksums or ()) or [self._rows._fingerprint]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Passage]:
        for number, row in enumerate(self._rows, start=1):
            if row[self._id] is None or not isinstance(row["text"], str):
                raise DataError("no id or no text", where=f"{self._ref}, row {number}")
            yield Passage(str(row[self._id]), row["text"], row.get("title") or "")


def _load(ref: HubRef, alternative: str) -> Any:
    import datasets

    with _quiet(), _offline_when_unreachable(ref):
        try:
            name, revision = ref.repository
            return datasets.load_dataset(name, ref.config, split=ref.split, revision=revision)
        except ConnectionError:
            raise EnvironmentProblem(
                "the Hugging Face hub cannot be reached, and the set is not in its local cache",
                where=str(ref),
                cure=alternative,
            ) from None
        except datasets.exceptions.DatasetNotFoundError:
            raise DataError(
                "the hub has no such public set", where=str(ref), cure=f"{_FORM}, or {alternative}"
            ) from None
        except (OSError, RuntimeError, ValueError, datasets.exceptions.DatasetsError) as error:
            if "scripts are no longer supported" in str(error):
                what = "the set needs a script of its own, which is never run"
                raise DataError(what, where=str(ref), cure=alternative) from None
            # For unknown splits and configurations the message lists the valid ones.
            raise DataError(
                f"cannot be loaded ({error})", where=str(ref), cure=alternative
            ) from None


@contextmanager
def _offline_when_unreachable(ref: HubRef) -> Iterator[None]:
    # By default the hub's client retries for half a minute before it gives up.
    import datasets

    was_offline = datasets.config.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = was_offline or not (Path(ref.name).is_dir() or reachable())
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE = was_offline


def reachable() -> bool:
    """Whether the hub answers within seconds; not where it is switched off."""
    from huggingface_hub import constants, get_session

    try:
        # The session uses proxies; a plain socket would not.
        get_session().head(constants.ENDPOINT, timeout=_SECONDS_TO_REACH)
    except OSError:
        return False
    return True


@contextmanager
def _quiet() -> Iterator[None]:
    # The one-line error has all that the user needs.
    import datasets

    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    loggers = [logging.getLogger(name) for name in ("datasets", "huggingface_hub")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
