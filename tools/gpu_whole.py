"""Whole grids and a whole ranking on a GPU, through the Python API: what a user's hour buys.

    python tools/gpu_whole.py --out OUT --data-dir DIR --tokenizer DIR --seconds 300
    python tools/gpu_whole.py --out OUT --data-dir DIR --tokenizer DIR --tiny   # rehearses on a CPU

Parts: `quickstart` (the grid of the README's first command, its gains beside those committed for a CPU);
`ranking` (checkpoints of RoBERTa-base's shape with random weights, probed on MNLI); `tasks` (one base
model of that shape on every task of the paper that DIR holds: many lengths, class counts and sizes in
one engine). DIR holds task folders, the tokenizer's folder only a tokenizer; nothing is downloaded, and
without them the quickstart is all there is. Every part is written to OUT/gpu-whole.json when it ends;
one that fails is a record of its error.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
from bench_shapes import SHAPES, write_checkpoints
from gpu_results import Results

import intertrain_jax as ij
from intertrain_jax.config.experiment import DataConfig, load_config
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.config.ranking import RankConfig
from intertrain_jax.data.tasks import expand


@dataclass
class Whole:
    """What the parts share.

    Attributes:
        options: of the command line.
        scratch: folder of models and results.
    """

    options: argparse.Namespace
    scratch: Path

    def checkpoints(self, count: int) -> list[Path]:
        """Writes models of RoBERTa-base's shape, or of a tiny one."""
        folder = Path(tempfile.mkdtemp(dir=self.scratch))
        return write_checkpoints(folder, self.shape, str(self.options.tokenizer), count, 50265)

    @property
    def shape(self) -> str:
        """Which network."""
        return "tiny" if self.options.tiny else "roberta-base"


def quickstart(whole: Whole) -> dict[str, Any]:
    """The quickstart grid, all of its 125 runs."""
    overrides = {"seeds": 1} if whole.options.tiny else {}
    result = ij.grid("quickstart", out=str(whole.scratch / "quickstart"), overrides=overrides)
    return {"progress": asdict(result.progress), "gains": result.gains.round(2).to_dict()}


def tasks(whole: Whole) -> dict[str, Any]:
    """One base model on every task that there is data for; one seed, two epochs."""
    folders = Path(whole.options.data_dir)
    present = {path.name for path in folders.iterdir() if any(path.glob("train.*"))}
    names = [x.name for x in expand(("general", "nli", "twitter")) if x.name in present]
    limit = 64 if whole.options.tiny else None
    (model,) = whole.checkpoints(1)
    config = load_config(
        "paper/inhouse-roberta",
        {
            "model.pretrained": str(model),
            "sources": [],
            "targets": names[:3] if whole.options.tiny else names,
            "protocol.epochs": 1 if whole.options.tiny else 2,
            "protocol.precision": "bfloat16",
        },
        seeds=1,
        data_dir=str(whole.options.data_dir),
        limit=limit,
        out=str(whole.scratch / "tasks"),
    )
    began = time.perf_counter()
    result = ij.grid(config, progress=True)
    return {
        "tasks": len(names),
        "progress": asdict(result.progress),
        "wall_s": time.perf_counter() - began,
    }


def ranking(whole: Whole) -> dict[str, Any]:
    """Checkpoints ranked by a probe on MNLI; the first one alone, to compile."""
    tiny = whole.options.tiny
    models = whole.checkpoints(3 if tiny else 1 + whole.options.models)
    protocol = Protocol(
        epochs=1 if tiny else 10, batch_size=256, max_length=250, train_size=64 if tiny else None
    )
    found: dict[str, Any] = {}
    for name, chosen in (("warm-up", models[:1]), ("measured", models[1:])):
        config = RankConfig(
            task="mnli",
            models=tuple(map(str, chosen)),
            seeds=5,
            protocol=protocol,
            data=DataConfig(str(whole.options.data_dir), 64 if tiny else None),
            group=min(8, len(chosen)),
            out=str(whole.scratch / name),
        )
        progress = ij.rank(config).progress
        assert progress is not None
        found[name] = {
            **asdict(progress),
            "models_per_hour": 3600 * progress.done / progress.seconds,
            "device_share": progress.device_seconds / progress.seconds,
        }
    return found


PARTS: dict[str, Callable[[Whole], dict[str, Any]]] = {
    "quickstart": quickstart,
    "ranking": ranking,
    "tasks": tasks,
}


def main() -> None:
    """Runs the parts that are asked for, in their order."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--data-dir", type=Path, help="folder of task folders")
    parser.add_argument("--tokenizer", type=Path, help="folder of a tokenizer")
    parser.add_argument("--parts", default=",".join(PARTS), help="comma-separated, in this order")
    parser.add_argument("--seconds", type=float, default=300, help="begin no part after this")
    parser.add_argument("--models", type=int, default=15, help="of the ranking, beside the first")
    parser.add_argument("--tiny", action="store_true", help="rehearse with small shapes")
    options = parser.parse_args()
    SHAPES["tiny"] = lambda words: {
        **SHAPES["roberta-base"](words),
        **{"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2},
        "intermediate_size": 64,
    }
    with tempfile.TemporaryDirectory() as scratch:
        whole = Whole(options, Path(scratch))
        until = time.monotonic() + options.seconds
        results = Results(options.out / "gpu-whole.json", until, shown=1500)
        device = jax.devices()[0]
        results.note("device", {"kind": device.device_kind, "platform": device.platform})

        def noted(name: str) -> None:
            if name != "quickstart" and None in (options.data_dir, options.tokenizer):
                results.note(name, "skipped: it needs --data-dir and --tokenizer")
                return
            results.note(name, PARTS[name](whole))

        parts = {name: partial(noted, name) for name in PARTS}
        results.do(parts, options.parts.split(","))


if __name__ == "__main__":
    main()
