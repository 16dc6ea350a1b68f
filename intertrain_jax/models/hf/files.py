"""Opens the weight files of a model directory as one mapping from tensor name to array."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import ml_dtypes  # noqa: F401 - imported so that numpy knows the name "bfloat16"
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from intertrain_jax.base import IntertrainError, lfs_pointer
from intertrain_jax.config.formats import read_json

Tensors = Mapping[str, NDArray[Any]]

# Where trainers put the weights in a file that has more than them.
_STATE_DICTS = ("state_dict", "model_state_dict", "model")
_LONGEST_NAME = 200
_NEXT_STEP = "copy the file again from where the model came from"


class _Safetensors(Mapping[str, NDArray[Any]]):
    """The tensors of one or more safetensors files, read when asked for."""

    def __init__(self, paths: list[Path]) -> None:
        self._handles: dict[str, Any] = {}
        self._paths: dict[str, Path] = {}
        for path in paths:
            _check_whole(path)
            try:
                handle = safe_open(path, framework="numpy")
            except Exception as error:  # its own errors and those of the system, MemoryError too
                raise IntertrainError(
                    f"Weight file {path} must be safetensors, but {error}; {_NEXT_STEP}."
                ) from error
            for name in handle.keys():  # noqa: SIM118 - the handle is no mapping
                self._handles[name] = handle
                self._paths[name] = path

    def __getitem__(self, name: str) -> NDArray[Any]:
        handle = self._handles[name]
        try:
            array: NDArray[Any] = handle.get_tensor(name)
        except (SafetensorError, OSError, ValueError) as error:
            raise IntertrainError(
                f"Tensor '{name}' of {self._paths[name]} cannot be read ({error}); {_NEXT_STEP}."
            ) from error
        except (TypeError, AttributeError) as error:  # NumPy knows no such numbers
            raise IntertrainError(
                f"Tensor '{name}' of {self._paths[name]} must hold float32, float16 or bfloat16 numbers"
                f" ({error}); use a copy of the model that is not quantised."
            ) from error
        return array

    def __iter__(self) -> Iterator[str]:
        return iter(self._handles)

    def __len__(self) -> int:
        return len(self._handles)


def open_tensors(directory: Path) -> Tensors:
    """Returns the tensors of `model.safetensors`, of its shards, or of `pytorch_model.bin`.

    Raises:
        IntertrainError: no weights, a broken file, or `.bin` weights where torch is not installed.
    """
    single, index = directory / "model.safetensors", directory / "model.safetensors.index.json"
    if single.is_file():
        return _Safetensors([single])
    if index.is_file():
        return _Safetensors(_shards(index))
    single, index = directory / "pytorch_model.bin", directory / "pytorch_model.bin.index.json"
    if single.is_file():
        return _torch_tensors([single])
    if index.is_file():
        return _torch_tensors(_shards(index))
    raise IntertrainError(
        f"Model directory {directory} must hold model.safetensors, its shards with "
        "model.safetensors.index.json, or pytorch_model.bin, and has none of them; give the "
        "directory of a whole model."
    )


def _check_whole(path: Path) -> None:
    if lfs_pointer(path):
        raise IntertrainError(
            f"Weight file {path} is a pointer of Git LFS and not the weights; run: git lfs pull, in the"
            " repository that it is of."
        )


def _shards(index: Path) -> list[Path]:
    """Returns the files that an index names, which must lie beside it."""
    try:
        names = sorted(set(read_json(index)["weight_map"].values()))
        strays = [name for name in names if Path(name).name != name or len(name) > _LONGEST_NAME]
    except (IntertrainError, KeyError, TypeError, AttributeError) as error:
        raise IntertrainError(
            f"Weight index {index} must be JSON with a 'weight_map' of file names, but "
            f"{type(error).__name__}: {error}; {_NEXT_STEP}."
        ) from error
    if strays:
        raise IntertrainError(
            f"Weight index {index} must name files beside it, got '{strays[0][:_LONGEST_NAME]}';"
            f" {_NEXT_STEP}."
        )
    paths = [index.parent / name for name in names]
    for path in paths:
        if not path.is_file():
            raise IntertrainError(
                f"Weight file {path.name}, named in {index}, is not there; download all shards."
            )
    return paths


def _torch_tensors(paths: list[Path]) -> Tensors:
    """Loads `.bin` files with torch's restricted unpickler, which cannot run code."""
    try:
        import torch
    except ImportError as error:
        raise IntertrainError(
            f"Weight file {paths[0]} can only be read with torch, which is not installed; run: "
            "pip install torch, or use a copy of the model saved as safetensors."
        ) from error
    tensors: dict[str, NDArray[Any]] = {}
    for path in paths:
        _check_whole(path)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "ignore", UserWarning
                )  # of how a stranger's pickle was written
                content = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # zip, pickle and torch errors, according to how it is broken
            reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
            if reason.startswith("Weights only"):
                # torch goes on to advise loading it unsafely.
                reason = "it holds more than tensors"
            raise IntertrainError(
                f"Weight file {path} must be loadable without running code, but {reason}; use a "
                "copy of the model saved as safetensors."
            ) from error
        for name, tensor in _state_dict(content, path).items():
            if not isinstance(tensor, torch.Tensor) or not isinstance(name, str):
                raise IntertrainError(
                    f"Weight file {path} must map names to tensors, but {str(name)!r} is a "
                    f"{type(tensor).__name__}; use a copy of the model saved as safetensors."
                )
            try:
                if tensor.dtype == torch.bfloat16:
                    tensors[name] = tensor.view(torch.int16).numpy().view(np.dtype("bfloat16"))
                else:
                    tensors[name] = tensor.detach().numpy()
            except Exception as error:  # float8, quantised, sparse, or of no storage
                raise IntertrainError(
                    f"Tensor '{name}' of {path} must hold float32, float16 or bfloat16 numbers, but is"
                    f" {tensor.dtype}; use a copy of the model that is not quantised."
                ) from error
    return tensors


def _state_dict(content: Any, path: Path) -> Mapping[Any, Any]:
    """Returns the mapping of tensors, also out of what trainers save around it."""
    for name in _STATE_DICTS:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            return cast("Mapping[Any, Any]", content[name])
    if not isinstance(content, Mapping):
        raise IntertrainError(
            f"Weight file {path} must map names to tensors, but holds a {type(content).__name__}; use a"
            " copy of the model saved as safetensors."
        )
    return content
