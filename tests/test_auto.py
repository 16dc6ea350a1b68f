"""Strangers' files are read without a line of theirs being run, and panics are errors."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from intertrain_jax import auto
from intertrain_jax.auto import load_auto, panics_are_errors
from intertrain_jax.base import IntertrainError

PAYLOAD = "from pathlib import Path\nPath({marker!r}).touch()\n"


def _hostile(directory: Path, config: dict[str, object]) -> Path:
    """Writes a model directory that asks for its own Python, and returns what that would make."""
    directory.mkdir()
    marker = directory.parent / "was-run"
    (directory / "evil.py").write_text(PAYLOAD.format(marker=str(marker)))
    wanted = {"AutoConfig": "evil.C", "AutoTokenizer": ["evil.T", None], "AutoModel": "evil.M"}
    content = {"model_type": "unheard-of", "auto_map": wanted, **config}
    (directory / "config.json").write_text(json.dumps(content))
    settings = {"tokenizer_class": "Mine", "auto_map": {"AutoTokenizer": ["evil.T", None]}}
    (directory / "tokenizer_config.json").write_text(json.dumps(settings))
    return marker


@pytest.mark.parametrize("versioned", [False, True])
@pytest.mark.parametrize("name", ["AutoTokenizer", "AutoConfig"])
def test_code_of_a_model_directory_is_neither_run_nor_asked_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, versioned: bool
) -> None:
    """Also not where another config.json is named for the version of transformers in use."""
    directory = tmp_path / "model"
    marker = _hostile(directory, {})
    if versioned:
        (directory / "config.json").rename(directory / "config.4.0.0.json")
        (directory / "config.json").write_text(
            json.dumps({"model_type": "bert", "configuration_files": ["config.4.0.0.json"]})
        )
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("somebody was asked"))
    with pytest.raises(IntertrainError, match="asks for Python of its own to be run") as caught:
        load_auto(name, directory)
    assert "\n" not in str(caught.value) and not marker.exists()


def test_a_panic_is_an_error_and_an_interrupt_is_none_of_it() -> None:
    class PanicException(BaseException):
        pass

    with (
        pytest.raises(RuntimeError, match=r"panicked \(index out of bounds\)"),
        panics_are_errors(),
    ):
        raise PanicException("index out of bounds")
    for other in (KeyboardInterrupt, SystemExit, ValueError):
        with pytest.raises(other), panics_are_errors():
            raise other


def _wrapped(text: str, cause: Exception) -> Exception:
    """Returns the error of a library that reports another one."""
    error = ImportError(text)
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "package"),
    [
        (ModuleNotFoundError("No module named 'fugashi'", name="fugashi"), "fugashi"),
        (ModuleNotFoundError("No module", name="google.protobuf"), "protobuf"),
        (_wrapped("no Jumanpp", ModuleNotFoundError("", name="rhoknp.cli")), "rhoknp"),
        (ImportError("You need to install unidic_lite to use it."), "unidic-lite"),
        (ImportError("Run `pip install sacremoses` first."), "sacremoses"),
        (ValueError("Install it with `pip install tiktoken`."), "tiktoken"),
    ],
)
def test_a_missing_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, package: str
) -> None:
    import transformers

    def broken(*given: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", broken)
    with pytest.raises(IntertrainError, match=f"run: pip install {package}$"):
        load_auto("AutoTokenizer", tmp_path)


def test_what_only_sentencepiece_reads_says_so_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """transformers takes the file for one of tiktoken's then."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *_: None)
    (tmp_path / "spiece.model").write_bytes(b"\x0a\x0e")
    error = ValueError("`tiktoken` is required to read a `tiktoken` file")
    assert auto._wanted_package(error, tmp_path) == "sentencepiece protobuf"
    assert auto._wanted_package(ValueError("no such word"), tmp_path) is None


def test_there_is_no_other_door(repository: Path) -> None:
    """No module but this one names transformers, and nothing else unpickles or runs what it reads."""
    package = repository / "intertrain_jax"
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            where = f"{path.relative_to(repository)}, line {getattr(node, 'lineno', 0)}"
            imported = []
            if isinstance(node, ast.ImportFrom):
                imported = [str(node.module)]
            elif isinstance(node, ast.Import):
                imported = [one.name for one in node.names]
            for name in (name.split(".")[0] for name in imported):
                assert name not in ("pickle", "dill", "joblib", "runpy"), where
                assert name != "transformers" or path == package / "auto.py", where
            if not isinstance(node, ast.Call):
                continue
            called, given = (
                ast.unparse(node.func),
                {k.arg: ast.unparse(k.value) for k in node.keywords},
            )
            assert called not in ("exec", "eval", "__import__"), where
            assert given.get("trust_remote_code", "False") == "False", where
            assert given.get("allow_pickle", "False") == "False", where
            if called == "torch.load":
                assert given["weights_only"] == "True", where
            if called.endswith(".from_pretrained"):
                assert path == package / "auto.py" and given["trust_remote_code"] == "False", where
