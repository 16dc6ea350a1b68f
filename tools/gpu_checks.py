"""What a GPU makes of the engine's programs: times, kernels, equality; part after part, as time allows.

    tools/gpu_checks.sh OUT [SECONDS]            # all parts, and tools/gpu_whole.py, on a bare GPU
    python tools/gpu_checks.py --out OUT --parts ceilings,attention --seconds 300
    python tools/gpu_checks.py --out OUT --tiny  # rehearses on a CPU

Needs what the engine needs, and torch for the comparison; downloads nothing and reads no data: weights
are random, in RoBERTa-base's and MiniLM's shapes, and examples have the mean length of MNLI (41 tokens).
Every part is written to OUT/gpu-checks.json when it is done, so that a cut costs only the rest; a part
that fails is a record of its error. Times are medians of synchronised calls and, as "queued", the time
per call of ten that are sent off at once.
"""

from __future__ import annotations

import argparse
import collections
import gzip
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from gpu_results import Results

from intertrain_jax.data.packing import BlockShape
from intertrain_jax.engine.environment import lane_mesh
from intertrain_jax.engine.lane_state import Blocks, Lanes
from intertrain_jax.engine.lanes import LanePrograms
from intertrain_jax.models import attention
from intertrain_jax.models.families import encoder
from intertrain_jax.models.families.encoder_config import EncoderConfig
from intertrain_jax.train.arena import deterministic_programs
from intertrain_jax.train.hyper import blank_hyper
from intertrain_jax.train.objectives import Classification
from intertrain_jax.train.step import Segments

MEAN_LENGTH, BATCH, ARENA = 41, 256, 1 << 20
CALLS, QUEUED = 10, 10
TOP_KERNELS = 45


@dataclass
class Checks(Results):
    """The results, and the shapes that they are of.

    Attributes:
        tiny: rehearse with small shapes.
    """

    tiny: bool = False

    def config(self, name: str) -> EncoderConfig:
        """Returns the shape of a model."""
        sizes = {"roberta-base": (50265, 768, 12, 12, 3072), "minilm": (30522, 384, 6, 12, 1536)}
        vocab, width, layers, heads, inner = sizes[name]
        if self.tiny:
            vocab, width, layers, heads, inner = 1000, 64, 2, 2, 128
        rates = (0.1, 0.1, 0.1)
        return EncoderConfig(
            "roberta", vocab, width, layers, heads, inner, 514, 1, 1e-5, "gelu", *rates, 2, 0, 0.1
        )

    def shape(self, rows: int, length: int) -> BlockShape:
        """Returns a block's shape; of a rehearsal, a small one."""
        if self.tiny:
            rows, length = max(1, rows // 24), 64
        return BlockShape(rows, length, length // MEAN_LENGTH)


def body_flops(config: EncoderConfig) -> float:
    """Returns training FLOPs per token: 6 × the parameters of the matrices that tokens meet."""
    per_layer = 4 * config.hidden_size**2 + 2 * config.hidden_size * config.intermediate_size
    return 6.0 * per_layer * config.num_layers


def clock(call: Callable[[], Any]) -> dict[str, float]:
    """Returns the milliseconds of a call, synchronised and queued; the first call compiles."""
    began = time.perf_counter()
    jax.block_until_ready(call())
    first = time.perf_counter() - began
    times = []
    for _ in range(CALLS):
        began = time.perf_counter()
        jax.block_until_ready(call())
        times.append(time.perf_counter() - began)
    began = time.perf_counter()
    for _ in range(QUEUED):
        last = call()
    jax.block_until_ready(last)
    queued = (time.perf_counter() - began) / QUEUED
    return {"ms": 1e3 * float(np.median(times)), "queued_ms": 1e3 * queued, "compile_s": first}


class Trainer:
    """Lanes of one model with random weights, full of examples."""

    def __init__(self, checks: Checks, model: str, lanes: int) -> None:
        self.config, self.lanes_count = checks.config(model), lanes
        self.programs = LanePrograms(
            Classification(self.config, 3), lanes, lane_mesh(1), jnp.bfloat16
        )
        rng = np.random.default_rng(1)
        self.arena = jnp.asarray(rng.integers(4, self.config.vocab_size, ARENA), jnp.int32)
        self.state = self.programs.empty_lanes()
        leaves, tree = jax.tree.flatten(self.state.runs.params)
        weights = [jnp.asarray(rng.normal(0, 0.02, x.shape[1:]), jnp.float32) for x in leaves]
        hyper = jax.tree.map(jnp.asarray, blank_hyper(None))
        values = {
            **{"hidden_dropout": 0.1, "attention_dropout": 0.1, "classifier_dropout": 0.1},
            **{"learning_rate": 5e-5, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8},
            "clip_norm": 1.0,
        }
        self.hyper = replace(
            hyper,
            **{name: jnp.float32(value) for name, value in values.items()},
            num_classes=jnp.int32(3),
            total_steps=jnp.int32(10**6),
        )
        params = jax.tree.unflatten(tree, weights)
        for lane in range(lanes):
            self.state = self.programs.start(self.state, lane, params, self.hyper)

    def block(self, shape: BlockShape, whole: bool = False) -> tuple[Blocks, int]:
        """Returns a full block of examples of the mean length, and its tokens per lane."""
        cells = (self.lanes_count, shape.rows, shape.segments)
        rng = np.random.default_rng(2)
        lengths = np.full(cells, MEAN_LENGTH, np.int32)
        examples = np.arange(lengths.size, dtype=np.int32).reshape(cells)
        offsets = rng.integers(0, ARENA - 600, cells).astype(np.int32)
        labels = rng.integers(0, 3, cells).astype(np.float32)
        segments = Segments(offsets, lengths, lengths // 2, examples, labels)
        share, flags = np.full(self.lanes_count, 1 / BATCH, np.float32), np.full(cells[0], whole)
        tokens = int(lengths[0].sum())
        return Blocks(shape, jax.device_put(segments), share, flags, whole), tokens

    def micro_step(self, shape: BlockShape, whole: bool = False) -> Callable[[], Any]:
        """Returns a call that does one micro-step of all lanes, or a batch of one block."""
        blocks, _ = self.block(shape, whole)

        def call() -> Any:
            self.state, loss = self.programs.advance(self.state, blocks, self.arena, None)
            return loss

        return call

    def optimiser(self) -> Any:
        """Does one optimiser step of all lanes."""
        self.state = self.programs.step(self.state, np.ones(self.lanes_count, bool), None)
        return self.state.runs.step

    def timed(self, shape: BlockShape) -> dict[str, Any]:
        """Times micro-steps of a shape."""
        call = self.micro_step(shape)
        found: dict[str, Any] = {"rows": shape.rows, "length": shape.length, **clock(call)}
        tokens = self.block(shape)[1] * self.lanes_count
        found["tokens"] = tokens
        seconds = found["queued_ms"] / 1e3
        found["tflops_on_tokens"] = body_flops(self.config) * tokens / seconds / 1e12
        found["loss"] = float(np.asarray(call())[0])
        return found


def ceilings(checks: Checks) -> None:
    """The two rates that nothing beats: a bf16 matrix product, and a copy."""
    n, m = (256, 1 << 20) if checks.tiny else (8192, 1 << 28)
    x = jax.random.normal(jax.random.key(0), (n, n), jnp.bfloat16)
    y = jnp.ones(m, jnp.float32)
    product, copy = jax.jit(lambda x: x @ x), jax.jit(lambda y: y + 1)
    seconds = clock(lambda: product(x))["queued_ms"] / 1e3
    checks.note("matmul_tflops", 2 * n**3 / seconds / 1e12)
    seconds = clock(lambda: copy(y))["queued_ms"] / 1e3
    checks.note("copy_gb_per_s", 2 * y.nbytes / seconds / 1e9)


def attention_kernel(checks: Checks) -> None:
    """The attention kernel alone, forward and with gradients, against XLA's, by tile, warps, stages."""
    rows, length, heads, size = (48, 256, 12, 64) if not checks.tiny else (2, 64, 2, 16)
    rng = np.random.default_rng(0)
    make = partial(rng.normal, size=(rows, length, heads * size))
    query, key, value, above = (jnp.asarray(make(), jnp.bfloat16) for _ in range(4))
    order = np.arange(length) // MEAN_LENGTH
    segments = jnp.asarray(np.tile(order, (rows, 1)), jnp.int32)
    positions = jnp.asarray(np.tile(np.arange(length) % MEAN_LENGTH, (rows, 1)), jnp.int32)
    keys = jnp.asarray(rng.integers(0, 2**32, (rows, length)), jnp.uint32)
    rate = jnp.float32(0.1)
    mask = segments[:, :, None] == segments[:, None, :]

    def xla(query: Any, key: Any, value: Any) -> Any:
        drop = partial(encoder.drop_attention, keys_RxQ=keys, positions_RxL=positions, rate=rate)
        return encoder.attend(query, key, value, mask, heads, drop)

    def both(function: Any) -> tuple[Any, Any]:
        def pulled(query: Any, key: Any, value: Any) -> Any:
            return jax.vjp(function, query, key, value)[1](above)

        return jax.jit(lambda *x: function(*x)), jax.jit(lambda *x: pulled(*x))

    def measure(function: Any) -> tuple[list[Any], dict[str, Any]]:
        forward, gradients = both(function)
        found = [forward(*small), *gradients(*small)]
        return found, {
            "forward": clock(lambda: forward(*small)),
            "all": clock(lambda: gradients(*small)),
        }

    small = tuple(0.3 * x for x in (query, key, value))
    expected, times = measure(xla)
    checks.note("attention_xla", times)
    cuts = [(32, 2, 2), (32, 4, 2), *((64, w, s) for w in (4, 8) for s in (1, 2, 3))]
    for tile, warps, stages in cuts[: 1 if checks.tiny else None]:
        if time.monotonic() > checks.until:
            return
        cut = attention.Kernel(tile, warps, stages, interpret=checks.tiny)

        def kernel(query: Any, key: Any, value: Any, cut: Any = cut) -> Any:
            drop = (keys, rate)
            return attention.attend_segments(
                query, key, value, segments, positions, heads, drop, cut
            )

        found, times = measure(kernel)
        apart = [
            float(
                jnp.linalg.norm((a - b).astype(jnp.float32))
                / jnp.linalg.norm(b.astype(jnp.float32))
            )
            for a, b in zip(found, expected, strict=True)
        ]
        name = f"attention_kernel_tile{tile}_warps{warps}_stages{stages}"
        checks.note(name, {**times, "relative_difference": apart})


def micro_steps(checks: Checks) -> None:
    """One lane of RoBERTa-base: MNLI's block, smaller ones, the optimiser, equality, the top kernels."""
    trainer = Trainer(checks, "roberta-base", 1)
    shape = checks.shape(48, 256)
    checks.note("micro_step_48x256", trainer.timed(shape))
    checks.note("optimiser", clock(trainer.optimiser))
    batch = trainer.micro_step(shape, whole=True)
    checks.note("micro_step_and_optimiser_48x256", clock(batch))
    checks.note("top_kernels", top_kernels(batch))
    checks.note("two_runs_bit_equal", bit_equal(checks, shape))
    for rows, length in ((64, 64), (82, 128))[: 1 if checks.tiny else None]:
        if time.monotonic() < checks.until:
            checks.note(f"micro_step_{rows}x{length}", trainer.timed(checks.shape(rows, length)))


def deterministic(checks: Checks) -> None:
    """A batch of one block as it comes, and with sums in one order; two runs of each."""
    shape = checks.shape(48, 256)
    for wanted in (False, True):
        name = "deterministic" if wanted else "as_it_comes"
        with deterministic_programs(wanted):
            batch = Trainer(checks, "roberta-base", 1).micro_step(shape, whole=True)
            checks.note(f"micro_step_and_optimiser_48x256_{name}", clock(batch))
            checks.note(f"two_runs_bit_equal_{name}", bit_equal(checks, shape))


def without_kernel(checks: Checks) -> None:
    """The same block with XLA's attention."""
    fits, encoder.kernel_fits = encoder.kernel_fits, lambda *arguments: False
    try:
        trainer = Trainer(checks, "roberta-base", 1)
        checks.note("micro_step_48x256_xla_attention", trainer.timed(checks.shape(48, 256)))
    finally:
        encoder.kernel_fits = fits


def lane_counts(checks: Checks) -> None:
    """Lanes that one program advances together: for small models they are the point."""
    for model, shape, counts in (
        ("minilm", (64, 64), (1, 4, 8, 16)),
        ("roberta-base", (48, 256), (2, 4)),
    ):
        for count in counts:
            if time.monotonic() > checks.until:
                return
            trainer = Trainer(checks, model, count)
            found = trainer.timed(checks.shape(*shape))
            found["optimiser"] = clock(trainer.optimiser)
            checks.note(f"lanes_{model}_K{count}", found)


def torch_trainer(checks: Checks) -> None:
    """A compiled training step of transformers in bfloat16, batches padded to their longest."""
    import torch
    from transformers import RobertaConfig, RobertaForSequenceClassification

    config = checks.config("roberta-base")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    theirs = RobertaConfig(
        vocab_size=config.vocab_size,
        hidden_size=config.hidden_size,
        num_hidden_layers=config.num_layers,
        num_attention_heads=config.num_heads,
        intermediate_size=config.intermediate_size,
        max_position_embeddings=514,
        type_vocab_size=1,
        num_labels=3,
    )
    model = RobertaForSequenceClassification(theirs).to(device).train()
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=5e-5, weight_decay=0.01, fused=device == "cuda"
    )
    step_of = model if checks.tiny else torch.compile(model)
    batch = 8 if checks.tiny else BATCH
    # MNLI's lengths: a random batch of 256 is padded to 141 tokens, a grouped one to about its mean.
    for name, length in (("random", 141), ("grouped", 48)):
        ids = torch.randint(4, config.vocab_size, (batch, length), device=device)
        mask = torch.ones_like(ids)
        lengths = torch.randint(20, 2 * MEAN_LENGTH - 20, (batch,), device=device).clamp(max=length)
        mask *= torch.arange(length, device=device)[None] < lengths[:, None]
        labels = torch.randint(0, 3, (batch,), device=device)

        def step(ids: Any = ids, mask: Any = mask, labels: Any = labels) -> None:
            with torch.autocast(device, torch.bfloat16):
                loss = step_of(input_ids=ids, attention_mask=mask, labels=labels).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad()

        def wait() -> None:
            if device == "cuda":
                torch.cuda.synchronize()

        began = time.perf_counter()
        step()
        wait()
        first, began = time.perf_counter() - began, time.perf_counter()
        steps = 2 if checks.tiny else 10
        for _ in range(steps):
            step()
        wait()
        seconds = (time.perf_counter() - began) / steps
        found = {"ms": 1e3 * seconds, "compile_s": first, "examples_per_s": batch / seconds}
        checks.note(f"torch_compiled_{name}_batches_of_{length}", found)


def bit_equal(checks: Checks, shape: BlockShape) -> dict[str, Any]:
    """Returns how many arrays of two equal runs of two steps are the same, and which are not."""

    def run() -> Lanes:
        trainer = Trainer(checks, "roberta-base", 1)
        for _ in range(2):
            trainer.micro_step(shape, whole=True)()
        return trainer.state

    first = [np.asarray(x) for x in jax.tree.leaves(run().runs.params)]
    second = jax.tree_util.tree_leaves_with_path(run().runs.params)
    apart = [
        jax.tree_util.keystr(path)
        for was, (path, now) in zip(first, second, strict=True)
        if not np.array_equal(was, np.asarray(now))
    ]
    return {"arrays": len(first), "apart": apart[:20], "number_apart": len(apart)}


def top_kernels(call: Callable[[], Any], calls: int = 3) -> dict[str, Any]:
    """Profiles a call and returns its kernels by time."""
    jax.block_until_ready(call())
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder, create_perfetto_trace=True):
            for _ in range(calls):
                last = call()
            jax.block_until_ready(last)
        (path,) = Path(folder).rglob("perfetto_trace.json.gz")
        with gzip.open(path) as file:
            events = json.load(file)
    events = events["traceEvents"] if isinstance(events, dict) else events
    names = {e["pid"]: e["args"]["name"] for e in events if e.get("name") == "process_name"}
    threads = {
        (e["pid"], e["tid"]): e["args"]["name"] for e in events if e.get("name") == "thread_name"
    }
    spent: collections.Counter[str] = collections.Counter()
    count: collections.Counter[str] = collections.Counter()
    for e in events:
        on_gpu = "GPU" in names.get(e.get("pid"), "")
        if e.get("ph") == "X" and on_gpu and "Stream" in threads.get((e["pid"], e["tid"]), ""):
            spent[e["name"]] += e["dur"]
            count[e["name"]] += 1
    top = [
        {"kernel": name[:90], "us": round(us / calls, 1), "calls": count[name] / calls}
        for name, us in spent.most_common(TOP_KERNELS)
    ]
    return {
        "us": sum(spent.values()) / calls,
        "kernels": sum(count.values()) / calls,
        "top": top,
    }


PARTS: dict[str, Callable[[Checks], None]] = {
    "ceilings": ceilings,
    "attention": attention_kernel,
    "micro_steps": micro_steps,
    "deterministic": deterministic,
    "torch": torch_trainer,
    "without_kernel": without_kernel,
    "lanes": lane_counts,
}


def main() -> None:
    """Runs the parts that are asked for, in their order."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--parts", default=",".join(PARTS), help="comma-separated, in this order")
    parser.add_argument("--seconds", type=float, default=480, help="begin no part after this")
    parser.add_argument("--tiny", action="store_true", help="rehearse with small shapes")
    options = parser.parse_args()
    began = time.monotonic()
    checks = Checks(options.out / "gpu-checks.json", began + options.seconds, tiny=options.tiny)
    device = jax.devices()[0]
    checks.note("device", {"kind": device.device_kind, "platform": device.platform})
    checks.note("jax", jax.__version__)
    parts = {name: partial(part, checks) for name, part in PARTS.items()}
    checks.do(parts, options.parts.split(","))
    checks.note("seconds", time.monotonic() - began)


if __name__ == "__main__":
    main()
