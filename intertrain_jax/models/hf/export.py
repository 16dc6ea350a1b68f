"""Writes a model to a directory that `transformers`, and this package, load back bit-equal."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from safetensors.numpy import save_file

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.block import Params
from intertrain_jax.models.families.family import AnyConfig
from intertrain_jax.models.families.table import family_of
from intertrain_jax.models.hf.references import CONFIG_FILE, TOKENIZER_FILES
from intertrain_jax.models.hf.tensors import tensors_from_params


def export_checkpoint(
    directory: Path,
    config: AnyConfig,
    params: Params,
    head: Params | None,
    hf_config: Mapping[str, Any],
    label_names: Sequence[str] | None = None,
    tokenizer_from: Path | None = None,
    beside: Mapping[str, str] | None = None,
) -> None:
    """Writes config.json, model.safetensors and the tokenizer, all of them or nothing.

    Args:
        directory: to be made; may exist if it is empty.
        config: the model's shape.
        params: the body's arrays (a "head" among them is ignored in favour of `head`).
        head: the head, or None where there is none to write.
        hf_config: content of the base model's config.json, which is kept but for the labels.
        label_names: of the C classes; None names them as transformers does.
        tokenizer_from: model directory whose tokenizer files are copied.
        beside: name → text of further files, such as its card.

    Raises:
        IntertrainError: the directory is not empty or cannot be written, or the labels do not fit.
    """
    content = _config_json(hf_config, head, label_names, directory)
    tensors = tensors_from_params(config, params, head)
    try:
        if directory.exists() and any(directory.iterdir()):
            raise IntertrainError(
                f"A model is only written to a new or empty directory, but {directory} has files; "
                "choose another one."
            )
        directory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory.parent, prefix=".export-") as scratch:
            whole = Path(scratch) / "model"
            whole.mkdir()
            save_file(tensors, whole / "model.safetensors", metadata={"format": "pt"})
            text = json.dumps(content, indent=2, sort_keys=True) + "\n"
            (whole / CONFIG_FILE).write_text(text, encoding="utf-8")
            for name in TOKENIZER_FILES:
                if tokenizer_from is not None and (tokenizer_from / name).is_file():
                    shutil.copyfile(tokenizer_from / name, whole / name)
            for name, text in (beside or {}).items():
                (whole / name).write_text(text, encoding="utf-8")
            _let_others_read(whole)
            whole.replace(directory)
    except OSError as error:
        raise IntertrainError(
            f"Cannot write a model to {directory} ({error.strerror}); choose a writable directory."
        ) from error


def _let_others_read(folder: Path) -> None:
    """Gives files and their folder the rights of any new file: scratch files are their maker's alone."""
    mask = os.umask(0)
    os.umask(mask)
    folder.chmod(0o777 & ~mask)
    for file in folder.iterdir():
        file.chmod(0o666 & ~mask)


def _config_json(
    hf_config: Mapping[str, Any],
    head: Params | None,
    label_names: Sequence[str] | None,
    directory: Path,
) -> dict[str, Any]:
    """Returns the base's config.json with the export's architecture, labels and dtype."""
    family = family_of(hf_config, str(directory))
    stem = family.model_types[hf_config["model_type"]]
    stale = ("torch_dtype", "problem_type", "num_labels", "id2label", "label2id")
    content = {key: value for key, value in hf_config.items() if key not in stale}
    content |= {"architectures": [f"{stem}Model"], "dtype": "float32"}
    if family.text_to_text:  # whose output belongs to every file
        return content | {"architectures": [f"{stem}{family.headed}"]}
    if head is None:
        return content
    num_classes = head["out"]["bias"].shape[-1]
    names = list(label_names or (f"LABEL_{i}" for i in range(num_classes)))
    if len(names) != num_classes or len(set(names)) != num_classes:
        raise IntertrainError(
            f"The model for {directory} must have one distinct label name for each of its "
            f"{num_classes} classes, got {', '.join(names)}; correct the names."
        )
    return content | {
        "architectures": [f"{stem}{family.headed}"],
        "id2label": {str(i): name for i, name in enumerate(names)},
        "label2id": {name: i for i, name in enumerate(names)},
        "problem_type": "regression" if num_classes == 1 else "single_label_classification",
    }
