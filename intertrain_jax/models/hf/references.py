"""Resolves what a user calls a model (directory, packaged model, hub id) to a local directory."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path, PurePosixPath

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.formats import is_file
from intertrain_jax.config.refs import ModelRef, is_directory, is_hub_id

PACKAGE_PREFIX = "package:"
CONFIG_FILE = "config.json"
_ADAPTER_FILE = "adapter_config.json"
SAFETENSORS_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "model-*-of-*.safetensors",
)
TORCH_FILES = (
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "pytorch_model-*-of-*.bin",
)
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "spiece.model",
)

_QUICKSTART = Path(__file__).resolve().parents[2] / "data" / "quickstart"
# The models that come with the package, by reference.
_EMBEDDED = {"quickstart": _QUICKSTART / "encoder", "quickstart-t5": _QUICKSTART / "t5"}


def is_local(reference: str) -> bool:
    """Whether a model needs no network."""
    packaged = reference in _EMBEDDED or reference.startswith(PACKAGE_PREFIX)
    return packaged or is_directory(reference)


def resolved_revision(directory: Path) -> str | None:
    """Returns the commit of a hub model by the directory that `resolve_reference` gave for it.

    None for a directory that the hub's client did not make: local models have no revision.
    """
    # The client keeps a commit of org/name in models--org--name/snapshots/COMMIT.
    snapshots = directory.parent
    known = snapshots.name == "snapshots" and snapshots.parent.name.startswith("models--")
    return directory.name if known else None


def files_hash(reference: str) -> str | None:
    """Returns a hash of a local model's files: whether it is still the same without loading it.

    None for what may be on the hub, and for a directory that cannot be read.
    """
    if not is_local(reference):
        return None
    digest = hashlib.sha256()
    try:
        for path in sorted(p for p in resolve_reference(reference).iterdir() if p.is_file()):
            digest.update(path.name.encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    except (IntertrainError, OSError):
        return None
    return digest.hexdigest()[:16]


def resolve_reference(
    reference: str,
    revision: str | None = None,
    cache_dir: Path | None = None,
    only_config: bool = False,
) -> Path:
    """Returns the local directory that holds a model's config, weights and tokenizer.

    Args:
        reference: `quickstart` or `quickstart-t5` (the embedded models), `package:<import
            name>/<folder>` (files inside an installed Python package, which is not imported), a
            directory, or a hub model in any spelling that `ModelRef.parse` reads, tried in that
            order; a directory called like one of the others is written `./name`.
        revision: branch, tag or commit, for hub models only; the reference may have it too.
        cache_dir: where downloads go; None is the hub client's own cache.
        only_config: whether to download no more than config.json.

    Raises:
        IntertrainError: the model is not there, has no config.json, or cannot be downloaded.
    """
    ref = ModelRef.of(reference, revision)
    reference, revision = ref.reference, ref.revision
    if reference in _EMBEDDED:
        directory = _EMBEDDED[reference]
    elif reference.startswith(PACKAGE_PREFIX):
        directory = _packaged(reference)
    elif is_directory(reference):
        directory = Path(reference).expanduser()
    elif is_file(Path(reference).expanduser()):
        raise IntertrainError(
            f"Model '{reference}' must be a directory, but is a file; give the directory that it is in."
        )
    elif is_hub_id(reference):
        directory = _downloaded(reference, revision, cache_dir, only_config)
        return _with_config(reference, directory)
    else:
        raise IntertrainError(
            f"Model '{reference}' is neither an existing directory nor a hub id such as "
            "'FacebookAI/roberta-base'; check the path."
        )
    if revision is not None:
        raise IntertrainError(
            f"A revision applies to hub models only, but model '{reference}' is local and got "
            f"revision '{revision}'; remove the revision."
        )
    return _with_config(reference, directory)


def _with_config(reference: str, directory: Path) -> Path:
    if (directory / CONFIG_FILE).is_file():
        return directory
    if (directory / _ADAPTER_FILE).is_file():
        raise IntertrainError(
            f"Model '{reference}' must be a whole model, but {directory} holds an adapter alone; merge "
            "it into its base model (peft: merge_and_unload) and save the whole."
        )
    # What trainers and sentence-transformers write, and what the hub's client keeps.
    below = sorted(directory.glob(f"*/{CONFIG_FILE}")) or sorted(
        directory.glob(f"*/*/{CONFIG_FILE}")
    )
    cure = str(below[0].parent) if below else "the directory that the model was saved to"
    raise IntertrainError(
        f"Model '{reference}' must have a config.json, but {directory} has none; give {cure}."
    )


def _packaged(reference: str) -> Path:
    name, _, folder = reference.removeprefix(PACKAGE_PREFIX).partition("/")
    parts = PurePosixPath(folder).parts
    if not name.isidentifier() or ".." in parts or folder.startswith("/"):
        raise IntertrainError(
            f"Model '{reference}' must have the form 'package:<import name>/<folder>', without "
            "'..'; correct it."
        )
    # A top-level name is found without importing (and so without running) the package.
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise IntertrainError(
            f"Model '{reference}' needs the Python package '{name}', which is not installed; "
            f"run: pip install {name.replace('_', '-')}"
        )
    for location in spec.submodule_search_locations:
        directory = Path(location).joinpath(*parts)
        if directory.is_dir():
            return directory
    raise IntertrainError(
        f"Model '{reference}': the installed package '{name}' has no folder '{folder}'; check the "
        "name or its version."
    )


def _downloaded(
    reference: str, revision: str | None, cache_dir: Path | None, only_config: bool
) -> Path:
    """Downloads only the files that are read; `.bin` weights only if there is nothing safer."""
    from huggingface_hub import snapshot_download

    def fetch(patterns: tuple[str, ...], at: str | None) -> Path:
        return Path(
            snapshot_download(
                reference,
                revision=at,
                cache_dir=cache_dir,
                allow_patterns=[CONFIG_FILE, *patterns],
            )
        )

    try:
        if only_config:
            return fetch((), revision)
        directory = fetch((_ADAPTER_FILE, *TOKENIZER_FILES, *SAFETENSORS_FILES), revision)
        if not any((directory / name).exists() for name in SAFETENSORS_FILES[:2]):
            # A branch that moves in between must not mix two commits.
            at = resolved_revision(directory) or revision
            directory = fetch((*TOKENIZER_FILES, *TORCH_FILES), at)
    except Exception as error:  # the hub client raises its own errors and those of its HTTP stack
        where = "" if revision is None else f" at revision '{revision}'"
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise IntertrainError(
            f"Model '{reference}'{where} is not a local directory and could not be had from the "
            f"Hugging Face hub ({reason}); check its name and the network, or give a directory."
        ) from error
    return directory
