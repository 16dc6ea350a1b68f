"""Weight files of every supported kind are read; broken ones say which file and what to do."""

from __future__ import annotations

import importlib
import json
import pickle
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.hf.files import open_tensors

A = np.arange(6, dtype=np.float32).reshape(2, 3)
B = np.ones(4, np.float32)


def _index(directory: Path, weight_map: object, stem: str = "model.safetensors") -> None:
    (directory / f"{stem}.index.json").write_text(json.dumps({"weight_map": weight_map}))


def test_one_file(tmp_path: Path) -> None:
    save_file({"a": A, "b": B}, tmp_path / "model.safetensors")
    tensors = open_tensors(tmp_path)
    assert sorted(tensors) == ["a", "b"]
    assert len(tensors) == 2
    np.testing.assert_array_equal(tensors["a"], A)


def test_shards(tmp_path: Path) -> None:
    save_file({"a": A}, tmp_path / "model-00001-of-00002.safetensors")
    save_file({"b": B}, tmp_path / "model-00002-of-00002.safetensors")
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    _index(tmp_path, names)
    tensors = open_tensors(tmp_path)
    np.testing.assert_array_equal(tensors["a"], A)
    np.testing.assert_array_equal(tensors["b"], B)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision(tmp_path: Path, dtype: type) -> None:
    save_file({"a": A.astype(dtype)}, tmp_path / "model.safetensors")
    tensor = open_tensors(tmp_path)["a"]
    assert tensor.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(tensor.astype(np.float32), A)


def test_safetensors_are_preferred_to_torch_files(tmp_path: Path) -> None:
    save_file({"a": A}, tmp_path / "model.safetensors")
    (tmp_path / "pytorch_model.bin").write_bytes(b"not read")
    assert list(open_tensors(tmp_path)) == ["a"]


def _nothing(_: Path) -> None:
    pass


def _adapter_only(directory: Path) -> None:
    save_file({"a": A}, directory / "adapter_model.safetensors")


def _truncated(directory: Path) -> None:
    save_file({"a": A}, directory / "model.safetensors")
    whole = (directory / "model.safetensors").read_bytes()
    (directory / "model.safetensors").write_bytes(whole[:-4])


def _missing_shard(directory: Path) -> None:
    _index(directory, {"a": "model-00001-of-00001.safetensors"})


def _stray_shard(directory: Path) -> None:
    save_file({"a": A}, directory.parent / "outside.safetensors")
    _index(directory, {"a": "../outside.safetensors"})


def _broken_index(directory: Path) -> None:
    (directory / "model.safetensors.index.json").write_text("{")


def _strange_index(directory: Path) -> None:
    _index(directory, ["a"])


def _pointer(directory: Path) -> None:
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 438"
    (directory / "model.safetensors").write_text(text)


def _long_name(directory: Path) -> None:
    _index(directory, {"a": "x" * 5000})


def _odd_names(directory: Path) -> None:
    _index(directory, {"a": 3})


def _deep_index(directory: Path) -> None:
    (directory / "model.safetensors.index.json").write_text("[" * 100_000)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (_pointer, r"is a pointer of Git LFS and not the weights; run: git lfs pull"),
        (_long_name, "must name files beside it"),
        (_odd_names, "must be JSON with a 'weight_map'"),
        (_deep_index, "JSON"),
        (_nothing, r"must hold model\.safetensors.*has none"),
        (_adapter_only, r"must hold model\.safetensors.*has none"),
        (_truncated, r"model\.safetensors must be safetensors.*copy the file again"),
        (_missing_shard, "model-00001-of-00001.safetensors.*is not there; download all shards"),
        (_stray_shard, r"must name files beside it, got '\.\./outside\.safetensors'"),
        (_broken_index, "must be JSON with a 'weight_map'"),
        (_strange_index, "must be JSON with a 'weight_map'"),
    ],
)
def test_broken_files_are_errors_of_one_line(tmp_path: Path, write, message: str) -> None:
    directory = tmp_path / "model"
    directory.mkdir()
    write(directory)
    with pytest.raises(IntertrainError, match=message) as caught:
        open_tensors(directory)
    assert "\n" not in str(caught.value)


def test_torch_files_need_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(IntertrainError, match="pip install torch"):
        open_tensors(tmp_path)


def test_torch_files_are_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="writes .bin files with torch")
    first = {"a": torch.from_numpy(A), "half": torch.ones(3, dtype=torch.bfloat16) * 1.5}
    torch.save(first, tmp_path / "pytorch_model-00001-of-00002.bin")
    torch.save({"b": torch.from_numpy(B)}, tmp_path / "pytorch_model-00002-of-00002.bin")
    names = {
        "a": "pytorch_model-00001-of-00002.bin",
        "half": "pytorch_model-00001-of-00002.bin",
        "b": "pytorch_model-00002-of-00002.bin",
    }
    _index(tmp_path, names, "pytorch_model.bin")
    tensors = open_tensors(tmp_path)
    np.testing.assert_array_equal(tensors["a"], A)
    np.testing.assert_array_equal(tensors["b"], B)
    np.testing.assert_array_equal(tensors["half"].astype(np.float32), np.full(3, 1.5))


@pytest.mark.parametrize("kind", ["safetensors", "bin"])
def test_numbers_of_eight_bits_are_an_error_of_one_line(tmp_path: Path, kind: str) -> None:
    torch = pytest.importorskip("torch", reason="writes float8 with torch")
    from safetensors.torch import save_file as save_torch

    tensors = {"a": torch.ones(3, dtype=torch.float8_e4m3fn)}
    if kind == "bin":
        torch.save(tensors, tmp_path / "pytorch_model.bin")
    else:
        save_torch(tensors, tmp_path / "model.safetensors")
    with pytest.raises(
        IntertrainError, match=r"'a' of .* must hold float32.*not quantised"
    ) as error:
        open_tensors(tmp_path)["a"]
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("around", ["state_dict", "model_state_dict", "model"])
def test_weights_among_what_a_trainer_saves_are_found(tmp_path: Path, around: str) -> None:
    torch = pytest.importorskip("torch", reason="writes .bin files with torch")
    content = {"epoch": 3, around: {"a": torch.from_numpy(A)}}
    torch.save(content, tmp_path / "pytorch_model.bin")
    np.testing.assert_array_equal(open_tensors(tmp_path)["a"], A)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1.0], "holds a list"),
        (None, "holds a NoneType"),
        ("tensor", "holds a Tensor"),
        ({"a": 3}, "'a' is a int"),
        ({3: "tensor"}, "'3' is a Tensor"),
        ({"a": {"b": "tensor"}}, "'a' is a dict"),
    ],
)
def test_a_torch_file_of_something_else_says_what_it_holds(
    tmp_path: Path, content: object, message: str
) -> None:
    torch = pytest.importorskip("torch", reason="writes .bin files with torch")

    def filled(value: object) -> object:
        if isinstance(value, dict):
            return {key: filled(x) for key, x in value.items()}
        return torch.from_numpy(A) if value == "tensor" else value

    torch.save(filled(content), tmp_path / "pytorch_model.bin")
    with pytest.raises(IntertrainError, match=f"must map names to tensors, but {message}"):
        open_tensors(tmp_path)


class _Trap:
    """Unpickling it would make a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple:
        return (Path.touch, (self._path,))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_cannot_run_code(tmp_path: Path, zipped: bool) -> None:
    torch = pytest.importorskip("torch", reason="reads .bin files with torch")
    sprung = tmp_path / "sprung"
    target = tmp_path / "pytorch_model.bin"
    if zipped:
        torch.save({"a": _Trap(sprung)}, target)
    else:
        target.write_bytes(pickle.dumps({"a": _Trap(sprung)}))
    with pytest.raises(IntertrainError, match="running code, but it holds more than") as caught:
        open_tensors(tmp_path)
    assert not sprung.exists()
    assert "\n" not in str(caught.value)


def test_no_module_of_the_models_unpickles() -> None:
    folder = Path(importlib.import_module("intertrain_jax.models").__file__).parent
    for path in folder.glob("*.py"):
        source = path.read_text()
        assert "import pickle" not in source
        assert "trust_remote_code" not in source
        assert source.count("torch.load(") == source.count("weights_only=True")
