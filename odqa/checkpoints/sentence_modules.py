"""The modules of a sentence-transformers or PyLate checkpoint: ``modules.json``, and its encoder's
settings in ``sentence_bert_config.json``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from odqa.checkpoints.folder import inside
from odqa.checkpoints.settings_file import SettingsFile, read_json
from odqa.errors import CheckpointError

MODULES = "modules.json"
LIBRARY_SETTINGS = "config_sentence_transformers.json"
#: Names of one file, in the order in which sentence-transformers looks for them.
_ENCODER_SETTINGS = tuple(
    f"sentence_{kind}_config.json"
    for kind in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
_TOKEN_VECTORS = {"method": "forward", "method_output_name": "last_hidden_state"}
_STATES = "token_embeddings"
# What the modality "text" of each task is read from, and under which name it goes on.
_TASKS = {
    "feature-extraction": ({"text": _TOKEN_VECTORS}, _STATES),
    "sequence-classification": (
        {"text": {"method": "forward", "method_output_name": "logits"}},
        "scores",
    ),
    "fill-mask": ({"text": {"method": "forward", "method_output_name": "logits"}}, _STATES),
}
_LOADING = ("model_args", "model_kwargs", "config_args", "config_kwargs")
_TOKENIZER_LOADING = ("tokenizer_args", "processor_kwargs")


@dataclass(frozen=True, slots=True)
class Module:
    """One module: its class without the package, and its folder."""

    kind: str
    library: str
    folder: Path


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """``max_length`` counts tokens, markers included; `None` leaves it to the tokenizer."""

    max_length: int | None = None
    lower_case: bool = False


def read_modules(folder: Path) -> list[Module]:
    """The modules in their order; empty without ``modules.json``.

    Raises:
        CheckpointError: the file is no list of modules, one has a folder outside of the
            checkpoint, or is code that neither sentence-transformers nor PyLate has.
    """
    path = folder / MODULES
    if not path.is_file():
        return []
    content = read_json(path)
    if not isinstance(content, list) or not all(isinstance(item, dict) for item in content):
        raise CheckpointError(
            "not a list of modules", where=str(path), cure="fetch the checkpoint again"
        )
    modules = []
    for item in content:
        file = SettingsFile(path, item)
        file.refuse("kwargs")
        modules.append(known_module(file.text("type", ""), folder, item.get("path", ""), path))
    return modules


def known_module(kind: str, folder: Path, relative: object, where: Path) -> Module:
    """A module of sentence-transformers or PyLate, by the path of its class.

    Args:
        kind: such as ``sentence_transformers.models.Pooling``.
        folder: of the checkpoint.
        relative: the module's folder in it.
        where: the file that says so.

    Raises:
        CheckpointError: it is code of neither of them, or its folder is outside of the checkpoint.
    """
    library, _, _ = kind.partition(".")
    if library not in ("sentence_transformers", "pylate"):
        raise CheckpointError(
            f"its module '{kind[:80]}' is code of its own, which odqa never runs",
            where=str(where),
            cure="name a checkpoint of sentence-transformers' own modules",
        )
    return Module(kind.rpartition(".")[2], library, inside(folder, relative, where))


def read_encoder_settings(
    folder: Path, task: str = "feature-extraction", *, other_names: bool = True
) -> EncoderSettings:
    """The settings of the module ``Transformer``, whichever of its names the file has.

    Args:
        folder: of the module.
        task: what the component needs the encoder for.
        other_names: whether the older names of the file count.

    Raises:
        CheckpointError: an unknown setting, or one that odqa does not compute.
    """
    names = _ENCODER_SETTINGS if other_names else _ENCODER_SETTINGS[:1]
    file = next(
        (f for name in names if (f := SettingsFile.read_if_there(folder / name)).values),
        SettingsFile(folder / names[0], {}),
    )
    file.only(
        (
            *("max_seq_length", "do_lower_case", "tokenizer_name_or_path", "transformer_task"),
            *("modality_config", "module_output_name", "processing_kwargs", "unpad_inputs"),
            *_LOADING,
            *_TOKENIZER_LOADING,
        )
    )
    for key in ("tokenizer_name_or_path", "processing_kwargs"):
        file.refuse(key)
    modalities, output = _TASKS[task]
    file.refuse("transformer_task", task)
    file.refuse("modality_config", modalities)
    file.refuse("module_output_name", output)
    length = file.whole("max_seq_length", least=3)
    for key in _LOADING:
        _refuse_arguments(file, key)
    for key in _TOKENIZER_LOADING:
        length = _tokenizer_arguments(file, key) or length
    return EncoderSettings(length, file.flag("do_lower_case", False))


def _refuse_arguments(file: SettingsFile, key: str) -> None:
    """Arguments for transformers; those that decide nothing here are passed over.

    The number format is a parameter of every component, attention is computed equally by all
    implementations, and sentence-transformers removes ``trust_remote_code`` too.
    """
    without_effect = ("torch_dtype", "dtype", "attn_implementation", "trust_remote_code")
    others = {k: v for k, v in (file.mapping(key) or {}).items() if k not in without_effect}
    SettingsFile(file.path, {key: others}).refuse(key)


def _tokenizer_arguments(file: SettingsFile, key: str) -> int | None:
    values = dict(file.mapping(key) or {})
    nested = SettingsFile(file.path, {"model_max_length": values.pop("model_max_length", None)})
    values.pop("trust_remote_code", None)
    SettingsFile(file.path, {key: values}).refuse(key)
    return nested.whole("model_max_length", least=3)
