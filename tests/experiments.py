"""A tiny experiment on disk, and an engine that makes up its scores."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from intertrain_jax.base import IntertrainError, content_hash
from intertrain_jax.config.experiment import EngineConfig, ExperimentConfig, load_config
from intertrain_jax.config.protocol import Precision
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.text import tokenizer_fingerprint
from intertrain_jax.engine.recording import GridProgress
from intertrain_jax.planning.plan import Plan
from intertrain_jax.planning.work import Emit, GridWork, ref_of
from tests.runs import made_up_score, make_result

TASKS = ("alpha", "beta")
_WORDS = ("[UNK]", "[PAD]", "[CLS]", "[SEP]", "good", "bad", "film", "dish", "very")


def write_tokenizer(folder: Path, words: tuple[str, ...] = _WORDS) -> Path:
    """Writes a word tokenizer as BERT has it."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = {word: k for k, word in enumerate(words)}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": vocabulary[word],
                "content": word,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for word in words
            if word.startswith("[")
        ],
        "normalizer": None,
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "[UNK]"},
    }
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), "utf-8")
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    return folder


def write_task(folder: Path, rows: int = 40) -> Path:
    """Writes a task of two classes with train and validation splits."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, count in (("train", rows), ("validation", rows // 2)):
        lines = [
            json.dumps(
                {"text": f"{('bad', 'good')[k % 2]} film" + " very" * (k % 3), "label": k % 2}
            )
            for k in range(count)
        ]
        (folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


def write_experiment(folder: Path, **changes: Any) -> ExperimentConfig:
    """Writes data and a tokenizer, and returns a configuration that uses them."""
    for task in TASKS:
        write_task(folder / "data" / task)
    write_tokenizer(folder / "model")
    sizes = {"num_hidden_layers": 2, "hidden_size": 4, "intermediate_size": 8, "vocab_size": 9}
    shape = {"model_type": "bert", "num_attention_heads": 2, "max_position_embeddings": 32, **sizes}
    (folder / "model" / "config.json").write_text(json.dumps(shape), "utf-8")
    return load_config(raw_config(folder, **changes))


def raw_config(folder: Path, **changes: Any) -> dict[str, Any]:
    """Returns a configuration as YAML would give it."""
    return {
        "name": "tiny",
        "model": {"pretrained": str(folder / "model")},
        "sources": list(TASKS),
        "targets": list(TASKS),
        "seeds": 2,
        "out": str(folder / "out"),
        "data": {"data_dir": str(folder / "data"), "cache_dir": str(folder / "cache")},
        "tasks": [{"name": task, "texts": ["{text}"], "labels": ["bad", "good"]} for task in TASKS],
        **changes,
    }


@dataclass(frozen=True)
class FakeModel:
    """What the grid wants to know of a base model."""

    identity: str
    tokens: str
    commit: None = None
    config: None = None


@dataclass
class FakeBases:
    """Base models of made up weights; those that are called broken cannot be used."""

    ref: ModelRef
    data: Mapping[str, Any]

    @property
    def pretrained(self) -> FakeModel:
        """The pretrained model."""
        return self.look(self.ref)

    def look(self, ref: ModelRef) -> FakeModel:
        """Returns what is known of a model: its tokens are told by the files of its tokenizer."""
        folder = Path(ref.reference)
        if "broken" in ref.reference:
            raise IntertrainError(f"model {ref.label!r} is broken. Mend it.")
        words = tokenizer_fingerprint(folder)
        return FakeModel(content_hash([f"weights of {folder.name}", words]), words)

    def tasks(self, plan: Plan) -> dict[Any, Any]:
        """Returns a name for every task in every tokens."""
        found = {}
        for run in plan.runs:
            with suppress(IntertrainError):
                found[self.look(ref_of(run)).tokens, run.target] = run.target
        return found


@dataclass
class FakeEngine:
    """Makes up every score from the run's name.

    Attributes:
        failures: names of runs that fail, with reasons.
        interrupt_after: runs after which the user interrupts; None for never.
        calls: names of the runs done, over all calls.
        work: of the last call.
    """

    failures: Mapping[str, str] = field(default_factory=dict)
    interrupt_after: int | None = None
    calls: list[str] = field(default_factory=list)
    work: GridWork | None = None

    def bases(self, ref: ModelRef, data: Mapping[str, Any], *rest: object) -> Any:
        """Returns base models of made up weights."""
        return FakeBases(ref, data)

    def check_pretrained(self, *arguments: object) -> None:
        """Whatever it is, it fits."""

    def resolve_precision(self, precision: Precision) -> Precision:
        """Returns what "auto" means here."""
        return "float32"

    def environment(self, options: EngineConfig | None = None) -> dict[str, str]:
        """Returns what there is."""
        return {"device": "made up"}

    def ranking(self, *arguments: object) -> Any:
        """Is not for rankings."""
        raise NotImplementedError

    head_result = ranking

    def run_grid(
        self, work: GridWork, emit: Emit, watch: Callable[[GridProgress], None]
    ) -> GridProgress:
        """Does the runs in the plan's order, as `engine.loop.run_grid` would."""
        plan, done = work.plan, work.done
        self.work = work
        assert {work.key_of(run) for run in plan.runs} <= set(work.tasks)
        failed: set[str] = set()
        progress = GridProgress(
            lanes=4,
            examples=400,
            tokens=900,
            slots=1000,
            lane_ticks=80,
            busy_ticks=60,
            compilations=2,
            seconds=0.5,
        )
        for run in plan.runs:
            if run.id in done:
                continue
            if self.interrupt_after is not None and len(self.calls) == self.interrupt_after:
                raise KeyboardInterrupt
            assert run.depends_on is None or run.depends_on in plan.by_id
            self.calls.append(run.name)
            reason = self.failures.get(run.name)
            if run.depends_on in failed:
                reason = "its source run failed"
            if reason:
                failed.add(run.id)
                emit(run, None, reason)
            else:
                rows: Any = work.bases
                counts = {name: len(split) for name, split in rows.data[run.target].splits.items()}
                sizes = {f"n_{name}": count for name, count in counts.items()}
                result = make_result(made_up_score(run, counts["test"]), **sizes)
                # As the engine has it: nobody reads the test of a run that is not of the matrix.
                emit(run, result if plan.in_matrix(run) else replace(result, test=None), None)
            watch(progress)
        return progress


def analysis(out: Path) -> dict[str, bytes]:
    """Every analysis file but the table of runs, which holds times."""
    folder = out / "analysis"
    files = [file for file in folder.rglob("*") if file.is_file() and file.name != "records.csv"]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}
