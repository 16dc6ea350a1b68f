"""Experiment configuration: YAML and command-line overrides become strict frozen dataclasses."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import yaml

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.strict import (
    apply_override,
    build,
    check_no_repeats,
    check_ranges,
    check_types,
    kind,
    parse_yaml,
    to_plain,
)

EXPERIMENT_FILE = "experiment.yaml"  # the resolved configuration, in a results directory
Auto = Literal["auto"]
Method = Literal["finetune", "probe", "lp_then_ft"]
Head = Literal["fresh", "inherit"]
Schedule = Literal["linear", "constant"]
Precision = Literal["auto", "float32", "bfloat16"]


Decision = Literal["generate", "score", "classify"]
LabelText = Literal["id", "name"]


@dataclass(frozen=True)
class TextProtocol:
    """How a text-to-text model (T5) reads examples and gives answers.

    Attributes:
        decision: generate a text and compare it with the labels' texts, or score these and take the
            best; or "classify" by a linear head on the mean of the encoder's output, without texts.
        labels: the text of a label is its id (the paper's choice) or its name.
        separator: joins the texts of an example (the paper's choice).
        templates: task name → what is read instead, such as "premise: {0} hypothesis: {1}", with the
            task's first text for {0} and its second for {1}.
    """

    decision: Decision = "generate"
    labels: LabelText = "id"
    separator: str = " <SEP> "
    templates: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_types(self, "protocol.text")

    def of(self, task: str) -> TextProtocol:
        """Returns it without the templates of other tasks."""
        own = {name: text for name, text in self.templates.items() if name == task}
        return replace(self, templates=own)


@dataclass(frozen=True)
class Protocol:
    """Everything that decides a run besides its base model, its data and its seed.

    The defaults are the paper's for RoBERTa. Whatever is counted is counted in examples.

    Attributes:
        method: train everything, the classification head only, or first the head, then everything.
        head: start from a fresh head, or from the checkpoint's where shapes match.
        learning_rate: peak of the schedule.
        schedule: linear decay to zero after the warm-up, or constant.
        warmup_fraction: share of the optimiser steps over which the rate rises from zero.
        epochs: length of the schedule; None where `max_examples` alone bounds the run.
        max_examples: bound on the examples seen, over all epochs.
        batch_size: examples per optimiser step.
        weight_decay: AdamW's decay, on neither biases nor layer norms.
        l2_to_base: penalty on the squared distance of the parameters from the base model's.
        probe_epochs: length of the head-only phase of `lp_then_ft`, inside the schedule.
        clip_norm: largest global gradient norm; None for no clipping.
        adam_beta1, adam_beta2, adam_epsilon: Adam's constants.
        dropout: overrides every dropout rate of the model's configuration; None keeps them.
        validate_every: examples between validations.
        patience: examples without improvement after which the run stops.
        early_stop_epsilon: smallest rise of the validation score, as a fraction, that counts.
        max_length: tokens of an input, special tokens included; longer ones are cut.
        train_size: use the first n of one seeded shuffle of the train split; None uses all.
        precision: of the computation; "auto" is bfloat16 on GPU and TPU, float32 on CPU.
        text: for text-to-text models, how they read and answer; None for models with a
            classification head.
    """

    method: Method = "finetune"
    head: Head = "fresh"
    learning_rate: float = 5e-5
    schedule: Schedule = "linear"
    warmup_fraction: float = 0.006
    epochs: float | None = 10.0
    max_examples: int | None = None
    batch_size: int = 256
    weight_decay: float = 0.01
    l2_to_base: float = 0.0
    probe_epochs: float = 2.0
    clip_norm: float | None = 1.0
    adam_beta1: float = 0.9
    adam_beta2: float = 0.999
    adam_epsilon: float = 1e-8
    dropout: float | None = None
    validate_every: int = 12_800
    patience: int = 256_000
    early_stop_epsilon: float = 0.001
    max_length: int = 250
    train_size: int | None = None
    precision: Precision = "auto"
    text: TextProtocol | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What of it decides a run's id.

        Parts that came later than the first records are left out where they are not used, so that
        ids stay what they were.
        """
        identity = asdict(self)
        if self.text is None:
            del identity["text"]
        return identity

    def __post_init__(self) -> None:
        check_types(self, "protocol")
        above_zero, at_least_one = (lambda x: x > 0, "> 0"), (lambda x: x >= 1, ">= 1")
        not_negative, below_one = (lambda x: x >= 0, ">= 0"), (lambda x: 0 <= x < 1, "in [0, 1)")
        check_ranges(
            self,
            "protocol",
            {
                "learning_rate": above_zero,
                "warmup_fraction": (lambda x: 0 <= x <= 1, "in [0, 1]"),
                "epochs": above_zero,
                "max_examples": at_least_one,
                "batch_size": at_least_one,
                "weight_decay": not_negative,
                "l2_to_base": not_negative,
                "probe_epochs": above_zero,
                "clip_norm": above_zero,
                "adam_beta1": below_one,
                "adam_beta2": below_one,
                "adam_epsilon": above_zero,
                "dropout": below_one,
                "validate_every": at_least_one,
                "patience": at_least_one,
                "early_stop_epsilon": not_negative,
                "max_length": (lambda x: x >= 8, ">= 8"),
                "train_size": at_least_one,
            },
        )
        if self.epochs is None and self.max_examples is None:
            raise IntertrainError(
                "config key 'protocol.epochs' may be null only where 'protocol.max_examples' bounds"
                " the run, got null for both. Set one of them."
            )
        answers = self.text is not None and self.text.decision != "classify"
        if answers and self.head == "fresh":
            raise IntertrainError(
                "config key 'protocol.head' must be 'inherit' with protocol.text, as the output of a"
                " text-to-text model is part of its pretraining, got 'fresh'. Set it."
            )
        if self.method == "lp_then_ft" and self.epochs and self.probe_epochs >= self.epochs:
            raise IntertrainError(
                "config key 'protocol.probe_epochs' must be less than protocol.epochs"
                f" ({self.epochs:g}) with method lp_then_ft, got {self.probe_epochs:g}. Lower it."
            )


@dataclass(frozen=True)
class ModelConfig:
    """The pretrained model, and further base models to compare with it.

    Attributes:
        pretrained: hub id, directory, or `package:MODULE/FOLDER` of the pretrained model (PT).
        revision: hub revision of `pretrained`.
        bases: further base models of the same architecture: rows of the matrix beside the sources.
    """

    pretrained: str
    revision: str | None = None
    bases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_types(self, "model")
        check_no_repeats("model.bases", self.bases)


@dataclass(frozen=True)
class DataConfig:
    """Where data comes from.

    Attributes:
        data_dir: folder with one folder per task, looked at before the hub.
        limit: rows per split; marks the results as test-only.
        validation_size: use the first n of one seeded shuffle of every validation split; None uses
            all. Large validation splits cost more time than they are worth to early stopping.
        cache_dir: tokenised data; None is $INTERTRAIN_CACHE or ~/.cache/intertrain_jax.
    """

    data_dir: str | None = None
    limit: int | None = None
    validation_size: int | None = None
    cache_dir: str | None = None

    def __post_init__(self) -> None:
        check_types(self, "data")
        at_least_one = (lambda x: x >= 1, ">= 1")
        check_ranges(self, "data", {"limit": at_least_one, "validation_size": at_least_one})


@dataclass(frozen=True)
class EngineConfig:
    """How runs are executed; nothing here changes what a run is.

    Attributes:
        lanes: runs trained at once, over all devices; "auto" measures.
        devices: how many devices to use; "auto" is all of them.
        checkpoint_minutes: minutes between checkpoints of the runs in flight.
        keep_checkpoints: keep source models after their last dependant is done.
        row_length: tokens of a packed row; "auto" chooses per task.
        block_rows: rows of a micro-step per lane; "auto" chooses.
        fuse: lanes per device that one call of the program advances together; "auto" fuses all of
            them on accelerators, and none on a CPU, which one lane keeps busy.
    """

    lanes: int | Auto = "auto"
    devices: int | Auto = "auto"
    checkpoint_minutes: float = 5.0
    keep_checkpoints: bool = False
    row_length: int | Auto = "auto"
    block_rows: int | Auto = "auto"
    fuse: int | Auto = "auto"

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
            },
        )


@dataclass(frozen=True)
class ExperimentConfig:
    """A grid: which base models are trained on which targets, with how many seeds and how.

    Attributes:
        name: of the experiment; its results go to `results/<name>` unless `out` says otherwise.
        model: the pretrained model and further base models.
        sources, targets: task or group names.
        seeds: their number; they are 0 … seeds − 1.
        protocol: what a run is.
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
    data: DataConfig = field(default_factory=DataConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    out: str | None = None
    tasks: tuple[dict[str, Any], ...] = ()

    def __post_init__(self) -> None:
        check_types(self, "")
        check_ranges(self, "", {"seeds": (lambda x: x >= 1, ">= 1")})
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

    @property
    def out_dir(self) -> Path:
        """The results directory."""
        return Path(self.out) if self.out is not None else Path("results") / self.name


def load_config(name_or_path: str, overrides: Sequence[str] = ()) -> ExperimentConfig:
    """Reads a configuration and applies overrides to it.

    Args:
        name_or_path: name of a bundled configuration ("quickstart", "paper/inhouse-roberta"), or
            the path of a `.yaml` file.
        overrides: "key.sub=value" each, the value as YAML.

    Raises:
        IntertrainError: no such configuration, not YAML, an unknown key, a wrong type or range.
    """
    raw = read_mapping(
        find_config(name_or_path), "Start from a bundled file such as configs/quickstart.yaml."
    )
    for override in overrides:
        apply_override(raw, override)
    return config_from_mapping(raw)


def read_mapping(path: Path, next_step: str) -> dict[str, Any]:
    """Reads a YAML file whose content is a mapping of keys.

    Args:
        path: of the file.
        next_step: what to do about one that holds something else.

    Raises:
        IntertrainError: it cannot be read, is not YAML, or holds something else.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise IntertrainError(
            f"config {str(path)!r} cannot be read: {error}. Give a readable YAML file."
        ) from error
    raw = parse_yaml(text, str(path))
    if not isinstance(raw, dict):
        raise IntertrainError(
            f"config {str(path)!r} must be a mapping of keys, got {kind(raw)}. {next_step}"
        )
    return raw


def config_from_mapping(raw: Mapping[str, Any]) -> ExperimentConfig:
    """Builds a configuration from plain values, as YAML gives them."""
    config: ExperimentConfig = build(ExperimentConfig, raw, "")
    return config


def to_yaml(config: Any) -> str:
    """Returns a configuration, a dataclass, as YAML, defaults included; it can be read back."""
    return str(
        yaml.safe_dump(to_plain(asdict(config)), sort_keys=False, allow_unicode=True, width=100)
    )


def bundled_folder() -> Path | None:
    """Returns the folder of what comes with the package, if it is there."""
    package = Path(__file__).parent
    # Installed, configs/ is the package's; in a clone or an editable install it lies beside it.
    folders = (package / "configs", package.parent / "configs")
    return next((folder for folder in folders if folder.is_dir()), None)


def bundled_configs() -> dict[str, Path]:
    """Returns name → file of the configurations that come with the package."""
    folder = bundled_folder()
    if folder is None:
        return {}
    return {
        path.relative_to(folder).with_suffix("").as_posix(): path
        for path in sorted(folder.rglob("*.yaml"))
    }


def find_config(name_or_path: str) -> Path:
    """Returns the file of a bundled configuration's name or of a path."""
    bundled = bundled_configs()
    if name_or_path in bundled:
        return bundled[name_or_path]
    path = Path(name_or_path)
    if path.is_file():
        return path
    raise IntertrainError(
        f"config {name_or_path!r} is neither a file nor a bundled configuration"
        f" ({', '.join(bundled)}).{nearest(name_or_path, bundled)}"
    )
