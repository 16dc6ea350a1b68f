"""Compiles the engine's programs for an H200 with no GPU present, and says what they are made of.

    python tools/check_gpu_program.py --target h200.txtpb --out results/benchmarks/h200-compiled.json

Wants jax with its CUDA plugin, in an environment of its own (about 5 GB), and no device: XLA compiles
for a description of the chip, a file of its sources (xla/backends/gpu/target_config/specs). Autotuning
needs the chip, so matrix products are cuBLAS's here, and nothing is timed. RoBERTa-base's shape in
bfloat16; models of two and three layers are compiled, and what a layer adds stands for the others up to
`--layers`.

Of every program are written: kernels, bytes that kernels read and write, FLOPs of matrix products, those
of them with float32 operands, arguments, what of them is updated in place, temporaries, and seconds of
compilation. The time is arithmetic, per kernel the largest of

    bytes / 3.7 TB/s,   FLOPs / 620 TFLOP/s (480 of weights' gradients, 200 of float32 operands),   2 µs,

without credit for what stays in the L2 cache, and without the FLOPs inside attention kernels. Of a table
that is gathered from or scattered into, the rows in use count. The body of a loop (evaluation, features,
heads) counts once: it is a block, or an optimiser step of the heads.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = f"--xla_gpu_enable_triton_gemm=false {os.environ.get('XLA_FLAGS', '')}"

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding

from intertrain_jax.config.protocol import Protocol
from intertrain_jax.data.packing import BlockShape
from intertrain_jax.engine.environment import AXIS, EVERYWHERE
from intertrain_jax.engine.lanes import LanePrograms
from intertrain_jax.models.families.encoder_config import EncoderConfig
from intertrain_jax.probe.features import FeatureProgram
from intertrain_jax.probe.heads import HeadTrainer
from intertrain_jax.probe.table import STEPS, HeadSteps
from intertrain_jax.train.arena import compiler_options
from intertrain_jax.train.hyper import blank_hyper
from intertrain_jax.train.objectives import Classification
from intertrain_jax.train.optim import RunState
from intertrain_jax.train.step import Segments

BYTES_PER_S, LEAST_S = 3.7e12, 2e-6
FLOPS_PER_S = {"product": 620e12, "weights' gradient": 480e12, "float32 product": 200e12}
SIZES = {"f32": 4, "bf16": 2, "s32": 4, "u32": 4, "u16": 2, "pred": 1, "u8": 1, "f16": 2}
ARENA, EVALUATED = 1 << 20, 8
HEADS = (8, 5, 3, 32)  # models, seeds, learning rates, batch
NO_KERNEL = {"parameter", "bitcast", "get-tuple-element", "tuple", "constant", "after-all"}
# Ops that read rows of their first operand; ops that write rows of it, and which operand these are.
_READS = {"gather", "dynamic-slice"}
_WRITES = {"scatter": 2, "dynamic-update-slice": 1}
_ARRAY = re.compile(r"\b(" + "|".join(SIZES) + r")\[([0-9,]*)\]")
_LINE = re.compile(r"\s+(?:ROOT )?%([\w.\-]+) = (.*?) ([a-z][\w\-]*)\((.*)$")


def imagined_device(target: Path) -> Any:
    """Returns the device that programs are compiled for, as XLA's description of it says."""
    import jax_plugins.xla_cuda13 as plugin
    from jax._src import xla_bridge
    from jax._src.lib import xla_client
    from jax.experimental import topologies

    plugin._load_nvidia_libraries()
    # JAX would load the plugin itself later, and says at length that it is there already.
    logging.getLogger("jax._src.xla_bridge").setLevel(logging.CRITICAL)
    api = xla_client.load_pjrt_plugin_dynamically("cuda", str(plugin._get_library_path()))
    xla_client.initialize_pjrt_plugin("cuda")
    known = xla_bridge.canonicalize_platform
    xla_bridge.canonicalize_platform = lambda name: (
        "cuda" if name in ("gpu", "cuda") else known(name)
    )
    topology = xla_client.make_c_api_device_topology(
        api, "", target_config=target.read_text("utf-8"), topology="1x1x1"
    )
    return topologies.TopologyDescription(topology._make_compile_only_devices()).devices[0]


def arrays(text: str) -> list[tuple[str, list[int]]]:
    """Returns type and shape of the arrays that a piece of HLO names."""
    return [(kind, [int(n) for n in dims.split(",") if n]) for kind, dims in _ARRAY.findall(text)]


def size_of(text: str) -> int:
    """Returns the bytes of the arrays that a piece of HLO names."""
    return sum(SIZES[kind] * int(np.prod(dims)) for kind, dims in arrays(text))


def product_of(lines: list[str]) -> tuple[float, str]:
    """Returns FLOPs of the cuBLAS call among lines of HLO, and which of `FLOPS_PER_S` is its rate."""
    known = {m[1]: (m[2], m[4]) for m in map(_LINE.match, lines) if m}
    for result, rest in known.values():
        operands = [name for name in re.findall(r"%([\w.\-]+)", rest) if name in known]
        if "__cublas" not in rest or len(operands) < 2:
            continue
        (kind, dims), (_, others) = (arrays(known[name][0])[0] for name in operands[:2])
        made = float(np.prod(arrays(result)[0][1]))
        contracted = re.search(r'lhs_contracting_dimensions":\["?(\d+)', rest)
        flops = 2.0 * made * (dims[int(contracted[1])] if contracted else dims[-1])
        if kind == "f32":
            return flops, "float32 product"
        smaller = made < min(np.prod(dims), np.prod(others))
        return flops, "weights' gradient" if smaller else "product"
    return 0.0, "product"


def untouched(lines: list[str]) -> int:
    """Returns the bytes of tables that a fusion reads or writes a few rows of, less those rows."""
    known = {m[1]: (m[2], m[3], m[4]) for m in map(_LINE.match, lines) if m}
    spared = 0
    for name, (result, op, rest) in known.items():
        used = [(o, at) for o, at in _uses(name, known)]
        if op == "parameter" and used and all(o[1] in _READS and at == 0 for o, at in used):
            spared += max(0, size_of(result) - sum(size_of(o[0]) for o, _ in used))
        if op in _WRITES:
            operands = re.findall(r"%([\w.\-]+)", rest.split("), ")[0])
            table, rows = known[operands[0]], known[operands[_WRITES[op]]]
            if table[1] == "parameter":
                spared += 2 * (size_of(table[0]) - size_of(rows[0]))
    return spared


def _uses(name: str, known: dict[str, tuple[str, str, str]]) -> Iterator[tuple[Any, int]]:
    """Yields what takes an array, past bitcasts, and as which operand."""
    for other, line in known.items():
        operands = re.findall(r"%([\w.\-]+)", line[2].split("), ")[0])
        if name in operands and line[1] == "bitcast":
            yield from _uses(other, known)
        elif name in operands:
            yield line, operands.index(name)


def kernels_of(hlo: str) -> list[dict[str, Any]]:
    """Returns the kernels of a compiled program and of its loops: bytes, FLOPs, float32 products."""
    parts = {
        part.removeprefix("ENTRY ").split(" ", 1)[0].lstrip("%"): part.splitlines()[1:]
        for part in re.split(r"\n(?=%|ENTRY )", hlo)
    }
    entry = re.search(r"\nENTRY %?([\w.\-]+)", hlo)
    return kernels_in(entry[1], parts) if entry else []


def kernels_in(name: str, parts: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Returns the kernels of one computation among a program's."""
    lines = {m[1]: (line, m[2], m[3], m[4]) for line in parts[name] if (m := _LINE.match(line))}
    found = []
    for name, (_, result, op, rest) in lines.items():
        inner = re.search(r"(?:calls|body|to_apply)=%([\w.\-]+)", rest)
        if op in NO_KERNEL:
            continue
        if op in ("while", "call") and inner:
            found += kernels_in(inner[1], parts)
            continue
        operands = dict.fromkeys(re.findall(r"%([\w.\-]+)", rest.split("), ")[0]))
        known = [lines[o] for o in operands if o in lines]
        needed = parts[inner[1]] if inner and op == "fusion" else []
        if "__cublas" in rest:
            needed = [lines[name][0], *(line for line, *_ in known)]
        flops, kind = product_of(needed)
        moved = size_of(result) + sum(size_of(kind) for _, kind, *_ in known if kind[0] != "(")
        moved -= untouched(needed)
        found.append({"name": name, "bytes": moved, "flops": flops, "kind": kind})
    return found


def seconds_of(kernel: dict[str, Any]) -> float:
    """Returns a kernel's time by the formula above."""
    arithmetic = kernel["flops"] / FLOPS_PER_S[kernel["kind"]]
    return max(kernel["bytes"] / BYTES_PER_S, arithmetic, LEAST_S)


class Compiler:
    """The programs of RoBERTa-base with a number of layers, and the shapes of what they take."""

    def __init__(self, device: Any, layers: int, shape: BlockShape, lanes: int) -> None:
        self.shape, self.lanes = shape, lanes
        self.mesh = Mesh(np.array([device]), (AXIS,), axis_types=(AxisType.Auto,))
        rates = (0.1, 0.1, 0.1)
        config = EncoderConfig(
            *("roberta", 50265, 768, layers, 12, 3072, 514, 1, 1e-5, "gelu"), *rates, 2, 0, 0.1
        )
        self.objective = Classification(config, 3)
        self.programs = LanePrograms(self.objective, lanes, self.mesh, jnp.bfloat16)
        struct = jax.ShapeDtypeStruct
        self.tree = jax.tree.map(
            lambda s: struct((lanes, *s.shape), jnp.float32),
            self.programs.shapes,
        )
        self.hyper = jax.tree.map(
            lambda x: struct((lanes, *np.shape(x)), np.asarray(x).dtype), blank_hyper(None)
        )
        self.step = struct((lanes,), jnp.int32)
        self.runs = RunState(*[self.tree] * 4, self.step)
        self.arena = struct((ARENA,), jnp.uint16)

    def segments(self, *lead: int) -> Segments:
        """Returns the shapes of blocks."""
        cells = (*lead, self.shape.rows, self.shape.segments)
        return Segments(
            **{
                name: jax.ShapeDtypeStruct(
                    cells, jnp.float32 if name == "labels_RxQ" else jnp.int32
                )
                for name in Segments.__dataclass_fields__
            }
        )

    def accumulate(self) -> Any:
        """One micro-step of all lanes."""
        program = self.programs._program("accumulate", self.shape)
        share = jax.ShapeDtypeStruct((self.lanes,), jnp.float32)
        fixed = (self.tree, self.step, self.hyper)
        return program.lower(self.tree, fixed, self.segments(self.lanes), share, self.arena)

    def optimise(self) -> Any:
        """The optimiser's step of all lanes."""
        flags = jax.ShapeDtypeStruct((self.lanes,), jnp.bool_)
        return self.programs.optimiser._whole_step[False].lower(self.runs, self.hyper, flags, None)

    def batch(self) -> Any:
        """A batch that is one block: micro-step and optimiser."""
        program = self.programs._program("batch", self.shape)
        share, flags = (jax.ShapeDtypeStruct((self.lanes,), t) for t in (jnp.float32, jnp.bool_))
        segments = self.segments(self.lanes)
        return program.lower(self.runs, self.hyper, segments, share, flags, None, self.arena)

    def evaluate(self) -> Any:
        """Blocks of one lane, without gradients; a loop, whose body counts once."""
        program = self.programs._program("evaluate", self.shape)
        number = jax.ShapeDtypeStruct((), jnp.int32)
        segments = self.segments(EVALUATED)
        tally = jax.ShapeDtypeStruct((1, 3), jnp.int32)
        return program.lower(tally, self.tree, self.hyper, number, segments, number, self.arena)

    def features(self) -> Any:
        """Blocks of a ranking, without gradients; a loop, whose body counts once."""
        program = FeatureProgram(self.objective, jnp.bfloat16, self.mesh)
        body = {name: x for name, x in self.objective.parameter_shapes().items() if name != "head"}
        count = jax.ShapeDtypeStruct((), jnp.int32)
        return self._jitted(
            partial(program._blocks, row_length=self.shape.length),
            *(jax.eval_shape(program._cast, body), self.arena, self.segments(EVALUATED), count),
            options=compiler_options(self.mesh),
        )

    def heads(self) -> Any:
        """A step of a ranking's heads: of 8 models, 5 seeds and 3 rates, on 20,000 rows."""
        models, seeds, rates, batch = HEADS
        protocol = Protocol(method="probe", batch_size=batch)
        task: Any = None  # only labels' numbers come from it
        trainer = HeadTrainer(
            self.objective, protocol, [1e-3] * rates, seeds, models, task, self.mesh
        )
        struct, lead = jax.ShapeDtypeStruct, (models, seeds, rates)
        head = self.objective.parameter_shapes()["head"]
        tree = {"head": jax.tree.map(lambda s: struct((*lead, *s.shape), jnp.float32), head)}
        hyper = jax.tree.map(lambda x: struct((*lead, *x.shape[1:]), x.dtype), self.hyper)
        cells = (STEPS, seeds, batch)
        kinds = (jnp.int32, jnp.int32, jnp.float32, jnp.bool_)
        steps = HeadSteps(*(struct(cells, kind) for kind in kinds), struct((), jnp.int32))
        state = RunState(*[tree] * 4, struct(lead, jnp.int32))
        table = struct((models, 20000, 768), jnp.bfloat16)
        return self._jitted(
            trainer._train_steps, state, hyper, table, steps, struct(lead, jnp.bool_)
        )

    def _jitted(self, function: Any, *arguments: Any, options: Any = None) -> Any:
        here = NamedSharding(self.mesh, EVERYWHERE)
        program = jax.jit(function, in_shardings=here, out_shardings=here, compiler_options=options)
        return program.lower(*arguments)


def measured(program: Any, text: Path | None) -> dict[str, float]:
    """Compiles a program, writes its text if that is wanted, and returns its figures."""
    began = time.perf_counter()
    compiled = program.compile()
    seconds = time.perf_counter() - began
    if text is not None:
        text.write_text(compiled.as_text(), "utf-8")
    kernels, memory = kernels_of(compiled.as_text()), compiled.memory_analysis()
    return {
        "kernels": len(kernels),
        "gigabytes": sum(k["bytes"] for k in kernels) / 1e9,
        "teraflops": sum(k["flops"] for k in kernels) / 1e12,
        "float32_products": sum(k["kind"] == "float32 product" for k in kernels),
        "milliseconds": 1e3 * sum(map(seconds_of, kernels)),
        "arguments_gb": memory.argument_size_in_bytes / 1e9,
        "in_place_gb": memory.alias_size_in_bytes / 1e9,
        "temporary_gb": memory.temp_size_in_bytes / 1e9,
        "compile_seconds": seconds,
    }


def extrapolated(two: dict[str, float], three: dict[str, float], layers: int) -> dict[str, float]:
    """Returns the figures of a model with more layers; seconds of compilation are of three layers."""
    found = {name: two[name] + (three[name] - two[name]) * (layers - 2) for name in two}
    return {**found, "compile_seconds": three["compile_seconds"]}


def lowered(name: str, device: Any, layers: int, shape: BlockShape, lanes: int) -> Any:
    """Returns a program for a device, with the attention kernel in use as it is there."""
    compiler, backend = Compiler(device, layers, shape, lanes), jax.default_backend
    jax.default_backend = lambda: "gpu"
    try:
        with jax.sharding.use_abstract_mesh(compiler.mesh.abstract_mesh):
            return getattr(compiler, name)()
    finally:
        jax.default_backend = backend


def main() -> None:
    """Compiles, and writes after each program."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--target", type=Path, required=True, help="XLA's description of the chip")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--programs", default="batch,accumulate,optimise,evaluate,features,heads")
    parser.add_argument("--rows", type=int, default=46)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--lanes", type=int, default=1)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--hlo", type=Path, help="keep the compiled programs' text in this folder")
    options = parser.parse_args()
    device = imagined_device(options.target)
    shape = BlockShape(options.rows, options.length, -(-options.length // 6))
    asked = {k: v for k, v in vars(options).items() if k not in ("out", "hlo", "target")}
    flags = os.environ["XLA_FLAGS"].strip()
    found: dict[str, Any] = {"jax": jax.__version__, "xla_flags": flags, "asked": asked}
    if options.hlo:
        options.hlo.mkdir(parents=True, exist_ok=True)
    for name in options.programs.split(","):
        figures = []
        for layers in (2, 3):
            program = lowered(name, device, layers, shape, options.lanes)
            text = options.hlo / f"{name}-{layers}.hlo" if options.hlo else None
            figures.append(measured(program, text))
            print(name, layers, json.dumps(figures[-1]), flush=True)
        found[name] = {
            "2_layers": figures[0],
            "3_layers": figures[1],
            f"{options.layers}_layers": extrapolated(*figures, options.layers),
        }
        options.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
