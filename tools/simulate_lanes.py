"""Simulates the host's side of a grid: how much of what lanes compute is of use, without computing it.

    python tools/simulate_lanes.py --data-dir DIR --backend gpu --lanes 1,8 --batch-sizes 32,256

Runs of all tasks with a train split, of so many steps each, go through the engine's own queue, block
shapes and turns. Reported, for every number of lanes in a group:

- useful: tokens of examples, of all token slots that turns compute, idle lanes included;
- occupancy: lanes that had a block in a turn; filled: tokens of the slots of those;
- turns per batch, turns in which the optimiser runs, lanes that are flagged in those;
- optimiser traffic: lanes that it rewrites, for every lane that steps, if it rewrites all of them.

Lengths are counted as a byte-pair tokenizer's pieces would be, about. Validations take no time here, and
no run stops early.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from intertrain_jax.config.experiment import ExperimentConfig, ModelConfig
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.data.batches import schedule_of
from intertrain_jax.engine.blocks import choose_shapes
from intertrain_jax.engine.lane import LaneGroup, LaneRun
from intertrain_jax.planning.plan import Run, build_plan
from intertrain_jax.planning.queue import Effort, RunQueue
from intertrain_jax.records.resolution import Resolution
from intertrain_jax.train.arena import SplitView

PIECE = re.compile(r"\w{1,6}|[^\w\s]")
SPECIAL_TOKENS, LONGEST, ROWS = 4, 250, 4000

Lengths = Mapping[str, NDArray[np.int32]]


def real_lengths(folder: Path) -> dict[str, NDArray[np.int32]]:
    """Returns the lengths of every task's first training examples, cut as a protocol cuts them."""
    found = {}
    for path in sorted(folder.glob("*/train.jsonl.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            rows = [json.loads(line) for line, _ in zip(file, range(ROWS), strict=False)]
        texts = [[v for k, v in row.items() if isinstance(v, str)] for row in rows]
        counts = [sum(len(PIECE.findall(text)) for text in row) for row in texts]
        lengths = np.minimum(np.array(counts) + SPECIAL_TOKENS, LONGEST)
        found[path.parent.name] = lengths.astype(np.int32)
    return found


def simulate(
    lengths: Lengths, lanes: int, batch_size: int, steps: int, kind: tuple[str, bool]
) -> dict[str, float]:
    """Returns what the module's docstring says of a group of so many lanes.

    Args:
        lengths: tokens of the training examples of every task.
        lanes: K.
        batch_size: examples of an optimiser step.
        steps: of every run.
        kind: "cpu", "gpu" or "tpu", and whether tasks share a shape, by which those are chosen.
    """
    protocol = Protocol(batch_size=batch_size, epochs=None, max_examples=steps * batch_size)
    experiment = ExperimentConfig("lanes", ModelConfig("model"), (), tuple(lengths), 5, protocol)
    plan = build_plan(experiment, (), tuple(lengths), Resolution({}, {}, "float32"))
    longest = {task: int(found.max()) for task, found in lengths.items()}
    shapes = choose_shapes(lengths, longest, batch_size, "auto", "auto", *kind)
    views = {}
    for task, found in lengths.items():
        zeros = np.zeros(len(found), np.int32)
        views[task] = SplitView(zeros, found, zeros, zeros.astype(np.float32))

    def effort(run: Run) -> Effort:
        size = int(lengths[run.target].mean() * steps * batch_size)
        return Effort(shapes[run.target].train[0], size)

    queue = RunQueue(plan.runs, (), lambda run: True, effort)
    nothing: object = None
    group = LaneGroup(nothing, [None] * lanes)  # type: ignore[arg-type]
    turns = slots = ticks = busy_slots = optimised = flagged = 0
    tokens = 0
    while len(queue) or group.busy:
        for k in group.free:
            shape = next((lane.shapes[0] for lane in group.busy.values()), None)
            run = queue.take_next(shape)
            if run is not None:
                schedule = schedule_of(run.protocol, len(views[run.target]))
                train = shapes[run.target].train
                group.slots[k] = LaneRun(run, views[run.target], schedule, train)
        turn = group.next_turn()
        size = turn.blocks.shape.tokens
        turns, ticks = turns + 1, ticks + len(turn.ticks)
        slots, busy_slots = slots + lanes * size, busy_slots + len(turn.ticks) * size
        applied = int(turn.blocks.apply_K.sum())
        optimised, flagged = optimised + (applied > 0), flagged + applied
        for k, (lane, _) in turn.ticks.items():
            if lane.step >= lane.schedule.total_steps:
                tokens += lane.tokens
                queue.close(lane.run, None)
                group.slots[k] = None
    return {
        "useful": tokens / slots,
        "occupancy": ticks / (turns * lanes),
        "filled": tokens / busy_slots,
        "turns_per_batch": ticks / flagged,
        "turns_with_optimiser": optimised / turns,
        "lanes_flagged_in_those": flagged / (optimised * lanes),
        "lanes_rewritten_per_step": optimised * lanes / flagged,
    }


def main() -> None:
    """Parses arguments, simulates, prints and writes the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", required=True, help="folder of task folders")
    parser.add_argument("--backend", default="gpu", choices=("cpu", "gpu", "tpu"))
    parser.add_argument("--tasks", help="comma-separated; all if not given")
    parser.add_argument("--together", action="store_true", help="one shape for all tasks")
    parser.add_argument("--lanes", default="1,8", help="comma-separated")
    parser.add_argument("--batch-sizes", default="32,256", help="comma-separated")
    parser.add_argument("--steps", type=int, default=40, help="of every run")
    parser.add_argument("--out", help="write the figures to this JSON file")
    arguments = parser.parse_args()
    lengths = real_lengths(Path(arguments.data_dir))
    if arguments.tasks:
        lengths = {task: lengths[task] for task in arguments.tasks.split(",")}
    found = []
    for size in map(int, arguments.batch_sizes.split(",")):
        for lanes in map(int, arguments.lanes.split(",")):
            kind = (arguments.backend, arguments.together)
            figures = simulate(lengths, lanes, size, arguments.steps, kind)
            rounded = {name: round(x, 3) for name, x in figures.items()}
            found.append({"batch_size": size, "lanes": lanes, **rounded})
            print(found[-1], flush=True)
    if arguments.out:
        Path(arguments.out).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
