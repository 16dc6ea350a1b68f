"""References resolve to directories, and what cannot be resolved says what to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.models.hf import references
from intertrain_jax.models.hf.references import resolve_reference, resolved_revision


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An importable package which must not be imported, with a model inside."""
    model = tmp_path / "carrier_of_model" / "model"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (model.parent / "__init__.py").write_text("raise SystemExit('imported')")
    (tmp_path / "outside").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    return model


def test_a_directory_is_itself(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert resolve_reference(str(tmp_path)) == tmp_path


def test_the_embedded_model_wins_over_a_directory_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedded = tmp_path / "embedded"
    for directory in (embedded, tmp_path / "quickstart"):
        directory.mkdir()
        (directory / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(references._EMBEDDED, "quickstart", embedded)
    assert resolve_reference("quickstart") == embedded
    assert resolve_reference("./quickstart") == Path("quickstart")


def test_a_package_is_found_without_being_imported(package: Path) -> None:
    assert resolve_reference("package:carrier_of_model/model") == package
    assert "carrier_of_model" not in sys.modules


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("package:no_such_carrier/model", "pip install no-such-carrier"),
        ("package:carrier_of_model/other", "has no folder 'other'"),
        ("package:carrier_of_model/../outside", "without '..'"),
        ("package:carrier_of_model//outside", "without '..'"),
        ("package:a.b/model", "must have the form"),
        ("./no/such/directory", "neither an existing directory nor a hub id"),
        ("a/b/c", "neither an existing directory nor a hub id"),
        ("../up", "neither an existing directory nor a hub id"),
        ("", "neither an existing directory nor a hub id"),
    ],
)
def test_what_is_not_there_is_an_error_of_one_line(
    package: Path, reference: str, message: str
) -> None:
    with pytest.raises(IntertrainError) as caught:
        resolve_reference(reference)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_lies_around_a_model_is_not_taken_for_it(tmp_path: Path) -> None:
    inner = tmp_path / "run" / "checkpoint-500"
    inner.mkdir(parents=True)
    (inner / "config.json").write_text("{}")
    with pytest.raises(IntertrainError, match=rf"has none; give {inner}\.$"):
        resolve_reference(str(inner.parent))
    with pytest.raises(IntertrainError, match=r"has none; give .*checkpoint-500"):
        resolve_reference(str(tmp_path))
    with pytest.raises(IntertrainError, match="is a file; give the directory that it is in"):
        resolve_reference(str(inner / "config.json"))
    (inner.parent / "adapter_config.json").write_text("{}")
    with pytest.raises(IntertrainError, match=r"holds an adapter alone; merge it into its base"):
        resolve_reference(str(inner.parent))


def test_a_directory_without_config_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IntertrainError, match=r"must have a config\.json"):
        resolve_reference(str(tmp_path))


def test_a_revision_of_something_local_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(IntertrainError, match="applies to hub models only"):
        resolve_reference(str(tmp_path), "main")


class _Hub:
    """Stands for the hub: a repository is a set of file names; records what was asked for."""

    def __init__(self, directory: Path, files: set[str]) -> None:
        self.directory, self.files = directory, files
        self.calls: list[tuple[str, str | None, list[str]]] = []

    def snapshot_download(
        self,
        repo_id: str,
        *,
        revision: str | None,
        cache_dir: Path | None,
        allow_patterns: list[str],
    ) -> str:
        assert cache_dir is None, "the hub client's own cache, unless another one is given"
        self.calls.append((repo_id, revision, allow_patterns))
        for name in self.files:
            if any(Path(name).match(pattern) for pattern in allow_patterns):
                (self.directory / name).write_text("{}")
        return str(self.directory)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"model.safetensors", "pytorch_model.bin", "tf_model.h5"}, {"model.safetensors"}),
        (
            {"model.safetensors.index.json", "model-00001-of-00001.safetensors", "x.py"},
            {"model.safetensors.index.json", "model-00001-of-00001.safetensors"},
        ),
        ({"pytorch_model.bin", "flax_model.msgpack"}, {"pytorch_model.bin"}),
    ],
)
def test_only_the_needed_files_are_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: set[str], expected: set[str]
) -> None:
    hub = _Hub(tmp_path, {"config.json", "tokenizer.json", *files})
    monkeypatch.setattr("huggingface_hub.snapshot_download", hub.snapshot_download)
    assert resolve_reference("someone/model", "abc") == tmp_path
    found = {path.name for path in tmp_path.iterdir()}
    assert found == expected | {"config.json", "tokenizer.json"}
    assert {(name, revision) for name, revision, _ in hub.calls} == {("someone/model", "abc")}


def test_a_hub_model_in_any_spelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = _Hub(tmp_path, {"config.json", "model.safetensors"})
    monkeypatch.setattr("huggingface_hub.snapshot_download", hub.snapshot_download)
    for spelling in ("https://huggingface.co/a/b/tree/v1", "a/b@v1", "hf://a/b@v1/config.json"):
        assert resolve_reference(spelling) == tmp_path
    assert {(name, revision) for name, revision, _ in hub.calls} == {("a/b", "v1")}


def test_the_commit_is_the_name_of_the_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = tmp_path / "models--a--b" / "snapshots" / "c0ffee"
    snapshot.mkdir(parents=True)
    hub = _Hub(snapshot, {"config.json", "pytorch_model.bin"})
    monkeypatch.setattr("huggingface_hub.snapshot_download", hub.snapshot_download)
    assert resolved_revision(resolve_reference("a/b", "main")) == "c0ffee"
    # A branch that moves between two downloads must not mix two commits.
    assert [revision for _, revision, _ in hub.calls] == ["main", "c0ffee"]
    assert resolved_revision(resolve_reference("quickstart")) is None
    assert resolved_revision(tmp_path / "snapshots" / "mine") is None


def test_offline_is_an_error_of_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> str:
        raise ConnectionError("no route to the hub\nmany\nmore lines")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fail)
    with pytest.raises(IntertrainError, match=r"someone/model.*revision 'v1'.*no route") as caught:
        resolve_reference("someone/model", "v1")
    assert "\n" not in str(caught.value)


def test_resolving_does_not_import_jax() -> None:
    code = (
        "import sys, intertrain_jax.models.hf.references, intertrain_jax.models.heads\n"
        "assert 'jax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
