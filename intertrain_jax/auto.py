"""The only door to transformers' Auto classes: nothing that lies in a model directory is ever run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from intertrain_jax.base import IntertrainError

# What a package is called where it is installed from, if not what it is imported as.
_PACKAGES = {"google": "protobuf", "sentencepiece": "sentencepiece protobuf"}
_WANTED = re.compile(
    r"pip install ['\"`]?([A-Za-z0-9][\w.\[\]-]*)|need to install ([A-Za-z][\w-]*)"
)
_SENTENCEPIECE_FILES = ("spiece.model", "sentencepiece.bpe.model", "tokenizer.model")


def load_auto(
    auto: str, directory: Path, *, config: Mapping[str, Any] | None = None, **options: Any
) -> Any:
    """Returns what one of transformers' Auto classes makes of a model directory.

    No code of the directory's is run, nobody is asked whether it may be, and nothing is fetched.

    Args:
        auto: name of the class, such as "AutoTokenizer".
        directory: with the files.
        config: content to take for that of config.json; None reads the file.
        options: further ones of `from_pretrained`.

    Raises:
        IntertrainError: they need a package that is not installed, or code of their own.
        Exception: whatever else the files make the libraries raise; a panic of theirs, too.
    """
    # "No torch found" is no news to a JAX program, and is said when the package is imported.
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    import transformers
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)  # it would warn of the head that it initialises
    logging.disable_progress_bar()
    try:
        with panics_are_errors():
            if config is not None:
                options["config"] = transformers.AutoConfig.for_model(**config)
            loader = getattr(transformers, auto)
            return loader.from_pretrained(
                str(directory), trust_remote_code=False, local_files_only=True, **options
            )
    except Exception as error:
        if "trust_remote_code" in str(error):
            raise IntertrainError(
                f"{str(directory)!r} asks for Python of its own to be run, and none ever is; use a copy"
                " that does without."
            ) from error
        package = _wanted_package(error, directory)
        if package is None:
            raise
        raise IntertrainError(
            f"{str(directory)!r} needs the Python package {package.split()[0]!r}, which is not"
            f" installed; run: pip install {package}"
        ) from error
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


@contextmanager
def panics_are_errors() -> Iterator[None]:
    """Turns a panic of a library in Rust, which is no `Exception`, into a RuntimeError."""
    try:
        yield
    except (Exception, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as panic:
        raise RuntimeError(f"the library that reads it panicked ({panic})") from panic


def _wanted_package(error: BaseException, directory: Path) -> str | None:
    """Returns what to install, where a missing package is what an error is about."""
    raised: BaseException | None = error
    about_packages = False
    while raised is not None:
        text = str(raised)
        name = raised.name if isinstance(raised, ModuleNotFoundError) else None
        found = _WANTED.search(text)
        about_packages |= isinstance(raised, ImportError) or "tiktoken" in text
        if name is not None or (found is not None and isinstance(raised, ImportError | ValueError)):
            break
        raised = raised.__cause__ or raised.__context__
    if about_packages and _lacks_sentencepiece(directory):
        # transformers takes such a file for one of tiktoken's then, and says so.
        return _PACKAGES["sentencepiece"]
    if raised is None:
        return None
    top = (name or found[1] or found[2]).split(".")[0]  # type: ignore[index]
    return _PACKAGES.get(top, top.replace("_", "-"))


def _lacks_sentencepiece(directory: Path) -> bool:
    from importlib.util import find_spec

    there = any((directory / name).is_file() for name in _SENTENCEPIECE_FILES)
    whole = (directory / "tokenizer.json").is_file()
    return there and not whole and find_spec("sentencepiece") is None
