"""An experiment: which base models meet which targets, with how many seeds, and how it is executed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.files import Given, keys_of, load
from intertrain_jax.config.protocol import Auto, Protocol, changed
from intertrain_jax.config.refs import ModelRef, check_models
from intertrain_jax.config.strict import check_most, check_no_repeats, check_ranges, check_types

# What is above these is a slip of the hand: better known now than when memory runs out.
MOST_SEEDS = 1_000
_MOST = {
    "lanes": 4_096,
    "fuse": 4_096,
    "devices": 4_096,
    "row_length": 65_536,
    "block_rows": 65_536,
}
EXPERIMENT_FILE = "experiment.yaml"  # the resolved configuration, in a results directory


@dataclass(frozen=True)
class ModelConfig:
    """The pretrained model, and further base models to compare with it.

    Attributes:
        pretrained: the pretrained model (PT), as `config.refs.ModelRef` reads it: hub id, "id@revision",
            an address on the hub, directory, or `package:MODULE/FOLDER`.
        revision: hub revision of `pretrained`, where it is not part of the name.
        bases: further base models of the same architecture: rows of the matrix beside the sources.
    """

    pretrained: str
    revision: str | None = None
    bases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_types(self, "model")
        ModelRef.of(self.pretrained, self.revision)  # an address that is none is an error now
        check_models("config key 'model.bases'", self.bases)

    @property
    def ref(self) -> ModelRef:
        """The pretrained model."""
        return ModelRef.of(self.pretrained, self.revision)

    @property
    def base_refs(self) -> tuple[ModelRef, ...]:
        """The further base models."""
        return tuple(ModelRef.parse(text) for text in self.bases)


@dataclass(frozen=True)
class DataConfig:
    """Where data comes from.

    Attributes:
        data_dir: folder with one folder per task, looked at before the hub.
        limit: rows per split; marks the results as test-only.
        validation_size: use the first n of one seeded shuffle of every validation split; None uses
            all. Large validation splits cost more time than they are worth to early stopping.
        test_size: the same of every test split. What is left decides how little a gain can be and show.
        cache_dir: tokenised data; None is $INTERTRAIN_CACHE or ~/.cache/intertrain_jax.
    """

    data_dir: str | None = None
    limit: int | None = None
    validation_size: int | None = None
    test_size: int | None = None
    cache_dir: str | None = None

    def __post_init__(self) -> None:
        check_types(self, "data")
        at_least_one = (lambda x: x >= 1, ">= 1")
        sizes = ("limit", "validation_size", "test_size")
        check_ranges(self, "data", dict.fromkeys(sizes, at_least_one))


Keep = Literal["none", "sources", "best", "all"]
Transport = Literal["object-store", "shared"]


@dataclass(frozen=True)
class EngineConfig:
    """How runs are executed; nothing here changes what a run is.

    Attributes:
        lanes: runs trained at once, over all devices of a process, by each worker where there are
            several; "auto" measures.
        devices: how many devices to use; "auto" is all of them. A worker has one.
        checkpoint_minutes: minutes between checkpoints of the runs in flight.
        keep: which runs' weights stay when the grid is done: "sources" are the source models, "best"
            also the run of every target with the best validation score, "all" every run.
        keep_checkpoints: the older name of `keep: sources`.
        row_length: tokens of a packed row; "auto" chooses per task.
        block_rows: rows of a micro-step per lane; "auto" chooses.
        fuse: lanes per device that one call of the program advances together; "auto" fuses all of
            them on accelerators, and none on a CPU, which one lane keeps busy.
        deterministic: whether the same run gives the same bits each time. On CPUs and TPUs it does,
            whatever is asked; on GPUs true adds gradients in one order, which takes longer, and "auto"
            is false.
        weights: how source models get to workers: "object-store" sends them, "shared" lets workers read
            them in the results directory, on a filesystem that all of them have at the same place.
        silent_minutes: a worker that does not answer for so long is given up and replaced.
        stuck_minutes: the same of one that answers, and takes no step; compiling and loading are none.
    """

    lanes: int | Auto = "auto"
    devices: int | Auto = "auto"
    checkpoint_minutes: float = 5.0
    keep: Keep = "none"
    keep_checkpoints: bool = False
    row_length: int | Auto = "auto"
    block_rows: int | Auto = "auto"
    fuse: int | Auto = "auto"
    deterministic: bool | Auto = "auto"
    weights: Transport = "object-store"
    silent_minutes: float = 2.0
    stuck_minutes: float = 30.0

    def __post_init__(self) -> None:
        check_types(self, "engine")
        at_least_one = (lambda x: x == "auto" or x >= 1, ">= 1 or 'auto'")
        check_ranges(
            self,
            "engine",
            {
                "lanes": at_least_one,
                "devices": at_least_one,
                "checkpoint_minutes": (lambda x: x > 0, "> 0"),
                "row_length": (lambda x: x == "auto" or x >= 16, ">= 16 or 'auto'"),
                "block_rows": at_least_one,
                "fuse": at_least_one,
                "silent_minutes": (lambda x: x > 0, "> 0"),
                "stuck_minutes": (lambda x: x > 0, "> 0"),
            },
        )
        check_most(self, "engine", _MOST)

    @property
    def kept(self) -> Keep:
        """Which runs' weights stay, by either name."""
        return "sources" if self.keep == "none" and self.keep_checkpoints else self.keep


@dataclass(frozen=True)
class ExperimentConfig:
    """A grid: which base models are trained on which targets, with how many seeds and how.

    Attributes:
        name: of the experiment; its results go to `results/<name>` unless `out` says otherwise.
        model: the pretrained model and further base models.
        sources, targets: task or group names.
        seeds: their number; they are 0 … seeds − 1.
        protocol: what a run is.
        source_protocol: keys of the protocol that are others where a source model is made; a task that
            is source and target is then trained on from PT by either.
        data: where data comes from.
        engine: how runs are executed.
        out: results directory.
        tasks: tasks of the user's own, as `data.tasks` reads them.
    """

    name: str
    model: ModelConfig
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    seeds: int = 5
    protocol: Protocol = field(default_factory=Protocol)
    source_protocol: dict[str, Any] = field(default_factory=dict)
    data: DataConfig = field(default_factory=DataConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    out: str | None = None
    tasks: tuple[dict[str, Any], ...] = ()

    def __post_init__(self) -> None:
        check_types(self, "")
        check_ranges(self, "", {"seeds": (lambda x: x >= 1, ">= 1")})
        check_most(self, "", {"seeds": MOST_SEEDS})
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", self.name):
            raise IntertrainError(
                "config key 'name' must be letters, digits, '.', '_' and '-', as it names the"
                f" results directory, got {self.name!r}. Rename the experiment."
            )
        if not self.targets:
            raise IntertrainError(
                "config key 'targets' must name at least one task or group, got []."
                " See `intertrain-jax tasks list`."
            )
        check_no_repeats("sources", self.sources)
        check_no_repeats("targets", self.targets)
        _ = self.protocol_of_sources  # says what is wrong with its keys

    @cached_property
    def protocol_of_sources(self) -> Protocol:
        """What a run is that makes a source model."""
        return changed(self.protocol, self.source_protocol, "source_protocol")

    @property
    def out_dir(self) -> Path:
        """The results directory."""
        return Path(self.out) if self.out is not None else Path("results") / self.name


class ExperimentOptions(TypedDict, total=False):
    """What of an experiment is most often given apart, on the command line and in Python.

    Attributes:
        seeds: their number.
        out: results directory.
        bases: further base models, instead of those of the configuration.
        data_dir: folder with one folder per task.
        limit: rows per split; marks the results as test-only.
        lanes: runs trained at once.
    """

    seeds: int | None
    out: str | Path | None
    bases: Sequence[str] | None
    data_dir: str | Path | None
    limit: int | None
    lanes: int | str | None


_OPTION_KEYS = {
    "seeds": "seeds",
    "out": "out",
    "bases": "model.bases",
    "data_dir": "data.data_dir",
    "limit": "data.limit",
    "lanes": "engine.lanes",
}


def load_config(
    config: Given | ExperimentConfig = "quickstart",
    overrides: Mapping[str, Any] | Sequence[str] = (),
    **options: Unpack[ExperimentOptions],
) -> ExperimentConfig:
    """Makes the configuration of an experiment.

    Args:
        config: name of a bundled configuration ("quickstart", "paper/inhouse-roberta"), the path of a
            `.yaml` file, plain values, or a configuration to change.
        overrides: dotted key → value, or "key.sub=value" each, the value as YAML.
        options: the keys most often given; they come last.

    Raises:
        IntertrainError: no such configuration, not YAML, an unknown key, a wrong type or range.
    """
    return load(
        ExperimentConfig, config, overrides, keys_of(options, _OPTION_KEYS, "an experiment")
    )
