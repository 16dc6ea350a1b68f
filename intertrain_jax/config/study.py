"""A study: several grids and rankings in one file, which share runs and may build on each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from itertools import product
from pathlib import Path
from typing import Any, TypedDict, Unpack

from intertrain_jax.base import IntertrainError, nearest
from intertrain_jax.config.experiment import ExperimentConfig
from intertrain_jax.config.files import find_config, keys_of, load, read_mapping
from intertrain_jax.config.ranking import RankConfig
from intertrain_jax.config.strict import apply_override, build, kind, set_key, to_plain

STUDY_FILE = "study.yaml"  # the configuration, in a study's directory
# What lies there beside its parts.
WORK_FOLDER, MODELS_FOLDER, ANALYSIS_FOLDER = "work", "models", "analysis"
_RESERVED = (WORK_FOLDER, MODELS_FOLDER, ANALYSIS_FOLDER)
# What a part says beside the keys of an experiment.
_OF_A_PART = ("each", "group", "architecture", "rank")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True)
class Selection:
    """Sources that are chosen by what an earlier part finds.

    Attributes:
        part: the earlier part, a grid.
        best, worst: how many of its sources, by their average gain.
    """

    part: str
    best: int = 0
    worst: int = 0

    def __post_init__(self) -> None:
        if self.best < 0 or self.worst < 0 or self.best + self.worst < 1:
            raise IntertrainError(
                "config key 'sources' must choose at least one source of a part, got"
                f" best: {self.best}, worst: {self.worst}. Set one of them."
            )


@dataclass(frozen=True)
class Setting:
    """One of the grids or rankings that a part is, in plain values.

    Attributes:
        part: name of the part.
        label: of this one, and the name of its folder: the part's name and what is set.
        keys: of an experiment or of a ranking, its `sources` or `models` aside where they are chosen.
        chosen: the sources, where an earlier part decides them.
        of: the part whose source models are ranked.
        group: a label for the comparison of base models, such as "good" and "bad": of all of them, or by
            source.
        architecture: what tables call the model; None is the name of the pretrained one.
        is_ranking: whether it is one.
    """

    part: str
    label: str
    keys: Mapping[str, Any]
    chosen: Selection | None = None
    of: str | None = None
    group: str | Mapping[str, str] | None = None
    architecture: str | None = None
    is_ranking: bool = False

    def experiment(self, out: Path, sources: Sequence[str] = ()) -> ExperimentConfig:
        """Returns the grid.

        Args:
            out: directory of the study.
            sources: those that were chosen, where an earlier part decides.
        """
        given = {**self.keys, "name": self.label, "out": str(out / self.label)}
        if self.chosen is not None:
            given["sources"] = list(sources)
        with self._named():
            return load(ExperimentConfig, given)

    def ranking(self, out: Path, models: Sequence[str] = ()) -> RankConfig:
        """Returns the ranking.

        Args:
            out: directory of the study.
            models: the source models that are ranked, where those of a part are.
        """
        given = {**self.keys, "out": str(out / self.label)}
        if self.of is not None:
            given["models"] = list(models)
        with self._named():
            return load(RankConfig, given)

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Says of an error which part it is in."""
        try:
            yield
        except IntertrainError as error:
            raise IntertrainError(f"study part {self.part!r}: {error}") from error


@dataclass(frozen=True)
class StudyConfig:
    """Grids and rankings that are one piece of work.

    Attributes:
        name: of the study; its results go to `results/<name>` unless `out` says otherwise.
        settings: every grid and ranking, in the order in which the file has them.
        out: results directory; every setting has a folder of its own in it.
        plain: all of it as plain values, as a file would have it.
    """

    name: str
    settings: tuple[Setting, ...]
    out: str | None = None
    plain: Mapping[str, Any] = field(default_factory=dict)

    @property
    def grids(self) -> tuple[Setting, ...]:
        """The settings that are grids."""
        return tuple(setting for setting in self.settings if not setting.is_ranking)

    @property
    def rankings(self) -> tuple[Setting, ...]:
        """The settings that are rankings."""
        return tuple(setting for setting in self.settings if setting.is_ranking)

    @property
    def out_dir(self) -> Path:
        """The results directory."""
        return Path(self.out) if self.out is not None else Path("results") / self.name

    def of(self, part: str) -> Setting:
        """Returns the only grid of a part."""
        return next(setting for setting in self.settings if setting.part == part)


class StudyOptions(TypedDict, total=False):
    """What of a study is most often given apart, for all of its parts.

    Attributes:
        out: results directory.
        data_dir: folder with one folder per task.
        limit: rows per split; marks the results as test-only.
        lanes: runs trained at once.
    """

    out: str | Path | None
    data_dir: str | Path | None
    limit: int | None
    lanes: int | str | None


_OPTION_KEYS = {
    "out": "out",
    "data_dir": "data.data_dir",
    "limit": "data.limit",
    "lanes": "engine.lanes",
}


def is_study(name_or_path: str) -> bool:
    """Whether a configuration is one of a study."""
    return "study" in read_mapping(find_config(name_or_path))


def load_study(
    source: str | Path | Mapping[str, Any],
    overrides: Sequence[str] | Mapping[str, Any] = (),
    **options: Unpack[StudyOptions],
) -> StudyConfig:
    """Makes the configuration of a study, and of each of its grids and rankings.

    Keys beside `study` are those of an experiment, and hold for all parts that do not set them.

    Args:
        source: bundled name, path of a `.yaml` file, or plain values.
        overrides: "key.sub=value" for all parts, "PART.key.sub=value" for one; or dotted key → value.
        options: the keys most often given; they come last, and hold for all parts.

    Raises:
        IntertrainError: no such file, not YAML, an unknown key, a wrong type or range, or a part that
            builds on none.
    """
    plain = source if isinstance(source, Mapping) else read_mapping(find_config(str(source)))
    common: dict[str, Any] = to_plain(dict(plain))
    parts = common.pop("study", None)
    if not isinstance(parts, dict) or not parts:
        raise IntertrainError(
            f"config key 'study' must name at least one part, got {kind(parts)}. Run a single grid"
            " with `intertrain-jax grid --config`."
        )
    parts = {str(name): dict(_mapping(str(name), keys)) for name, keys in parts.items()}
    _check_names(parts)
    if isinstance(overrides, Mapping):
        for key, value in overrides.items():
            set_key(*_place(common, parts, key), to_plain(value), f"config key {key!r}")
    else:
        for override in overrides:
            place, rest = _place(common, parts, override)
            apply_override(place, rest)
    for key, value in keys_of(options, _OPTION_KEYS, "a study").items():
        set_key(common, key, str(value) if isinstance(value, Path) else value, key)
    name, out = common.pop("name", None), common.pop("out", None)
    if not isinstance(name, str) or not name or not isinstance(out, str | None):
        raise IntertrainError(
            "a study must have the config key 'name', which names its results directory, and may have"
            f" 'out', both texts; got {name!r} and {out!r}. Correct them."
        )
    found = tuple(
        setting for part, keys in parts.items() for setting in _settings(part, common, keys)
    )
    top = {"name": name} if out is None else {"name": name, "out": out}
    study = StudyConfig(name, found, out, {**top, **common, "study": parts})
    _check(study)
    return study


def _mapping(part: str, keys: Any) -> Mapping[str, Any]:
    if not isinstance(keys, Mapping):
        raise IntertrainError(
            f"config key 'study.{part}' must be a mapping of keys, got {kind(keys)}. Indent its keys."
        )
    return keys


def _check_names(parts: Mapping[str, Any]) -> None:
    keys = {item.name for item in fields(ExperimentConfig)} | {*_OF_A_PART, *_RESERVED}
    for name in parts:
        if not _NAME.fullmatch(name) or name in keys:
            raise IntertrainError(
                "the name of a study's part must be small letters, digits and '-', and neither a key of"
                f" an experiment nor one of {', '.join(_RESERVED)}, got {name!r}. Rename it."
            )


def _place(
    common: dict[str, Any], parts: Mapping[str, dict[str, Any]], key: str
) -> tuple[dict[str, Any], str]:
    """Returns the mapping that an override is for, and the override in it."""
    part, dot, rest = key.partition(".")
    return (parts[part], rest) if dot and part in parts else (common, key)


def _settings(part: str, common: Mapping[str, Any], keys: Mapping[str, Any]) -> Iterator[Setting]:
    """Yields the grids or rankings of a part."""
    raw: dict[str, Any] = to_plain({**common})
    for key, value in keys.items():
        set_key(raw, key, to_plain(value), key, merge=True)
    for suffix, changes in _each(part, raw.pop("each", {})):
        own = to_plain({**raw})
        for key, value in changes.items():
            set_key(own, key, value, f"config key 'study.{part}.each'")
        yield _setting(part, f"{part}{suffix}", own)


def _each(part: str, each: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yields (end of the label, dotted key → value) of every setting of a part.

    Of a key with a list, each value is one setting, and of several such keys all combinations; a name
    with a mapping is one setting.
    """
    named = {k: v for k, v in each.items() if isinstance(v, dict)} if isinstance(each, dict) else {}
    lists = {k: v for k, v in each.items() if isinstance(v, list)} if isinstance(each, dict) else {}
    if not isinstance(each, dict) or (named and lists) or len(named) + len(lists) != len(each):
        raise IntertrainError(
            f"config key 'study.{part}.each' must have lists of values by key, such as"
            " {protocol.train_size: [50, 100]}, or keys by name, such as {decay:"
            f" {{protocol.weight_decay: 1}}}}, got {each!r}. Correct it."
        )
    if named:
        yield from ((f"-{name}", changes) for name, changes in named.items())
        return
    for values in product(*lists.values()):
        suffix = "".join(f"-{_word(value)}" for value in values)
        yield suffix, dict(zip(lists, values, strict=True))


def _word(value: Any) -> str:
    return re.sub(r"[^A-Za-z0-9._]+", "-", str(value)).strip("-.") or "none"


def _setting(part: str, label: str, raw: dict[str, Any]) -> Setting:
    """Returns a grid or a ranking, whose keys are checked when it is made."""
    group, architecture = raw.pop("group", None), raw.pop("architecture", None)
    labels = list(group.values()) if isinstance(group, dict) else [group]
    for key, value in (*(("group", label) for label in labels), ("architecture", architecture)):
        if not isinstance(value, str | None):
            raise IntertrainError(
                f"config key 'study.{part}.{key}' must be text, got {value!r}. Correct it."
            )
    rank = raw.pop("rank", None)
    if rank is not None:
        rank = dict(_mapping(f"{part}.rank", rank))
        of = rank.pop("of", None)
        model = _mapping(f"{part}.model", raw.get("model", {}))
        given = {"pretrained": model.get("pretrained"), **rank}
        for key in ("data", "tasks"):
            if key in raw:
                given.setdefault(key, raw[key])
        return Setting(part, label, given, None, of, group, architecture, True)
    sources, chosen = raw.get("sources"), None
    if isinstance(sources, dict):
        chosen = build(Selection, sources, f"study.{part}.sources")
        del raw["sources"]
    return Setting(part, label, raw, chosen, None, group, architecture)


def _check(study: StudyConfig) -> None:
    """Checks every setting, and that what parts build on comes before them."""
    labels: set[str] = set()
    earlier: dict[str, list[Setting]] = {}
    for setting in study.settings:
        if setting.label in labels:
            raise IntertrainError(
                f"study part {setting.part!r}: two of its settings, or another part, are called"
                f" {setting.label!r}. Give them names under 'each'."
            )
        labels.add(setting.label)
        before = {name: found for name, found in earlier.items() if name != setting.part}
        if setting.chosen is not None:
            base = _single(setting, setting.chosen.part, before)
            _check_choice(setting, setting.chosen, base)
        if setting.is_ranking:
            if setting.of is not None:
                base = _single(setting, setting.of, before)
                if base.experiment(study.out_dir).engine.kept == "none":
                    raise IntertrainError(
                        f"study part {setting.part!r} ranks the source models of {setting.of!r}, which"
                        " keeps none. Set engine.keep: sources."
                    )
            setting.ranking(study.out_dir)
        else:
            setting.experiment(study.out_dir)
        earlier.setdefault(setting.part, []).append(setting)


def _single(setting: Setting, name: Any, earlier: Mapping[str, list[Setting]]) -> Setting:
    """Returns the one grid of the part that a setting builds on."""
    found = [x for x in earlier.get(name, ()) if not x.is_ranking and x.chosen is None]
    if len(found) != 1:
        raise IntertrainError(
            f"study part {setting.part!r} must build on an earlier part that is one grid with sources of"
            f" its own, got {name!r}.{nearest(str(name), earlier)} Correct it."
        )
    return found[0]


def _check_choice(setting: Setting, chosen: Selection, base: Setting) -> None:
    """Checks that there may be as many sources as are chosen; groups of tasks are more than they say."""
    if "sources" not in base.keys or not base.keys["sources"]:
        raise IntertrainError(
            f"study part {setting.part!r} chooses sources of {chosen.part!r}, which has none."
            " Correct config key 'sources.part'."
        )
