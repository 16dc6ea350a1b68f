"""The plan: the paper's counts, dependencies, identity, circles."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.experiment import ModelConfig, load_config
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.models.hf.references import files_hash
from intertrain_jax.planning.plan import PRETRAINED, Plan, Run, build_plan, record_of, sort_runs
from intertrain_jax.records.probes import probe_id
from intertrain_jax.records.resolution import Resolution
from intertrain_jax.records.results_dir import ResultsDir
from intertrain_jax.records.runs import RUNS
from tests.runs import TASKS, make_config, make_plan, make_result

RESULTS = Path(__file__).resolve().parents[2] / "results"


def names(runs: tuple[Run, ...]) -> set[str]:
    return {run.name for run in runs}


def test_the_papers_experiment_has_2530_runs() -> None:
    tasks = tuple(f"t{n}" for n in range(22))
    plan = make_plan(make_config(sources=tasks, targets=tasks, seeds=5))
    kinds = [run.kind for run in plan.runs]
    assert (kinds.count("pretrained"), kinds.count("source")) == (110, 2420)
    assert len({run.id for run in plan.runs}) == len(plan.runs) == 2530


def test_runs_of_a_small_grid() -> None:
    plan = make_plan(make_config(sources=("alpha", "beta"), targets=("beta", "gamma"), seeds=1))
    assert names(plan.runs) == {
        "PT:alpha:0",
        "PT:beta:0",
        "PT:gamma:0",
        "alpha:beta:0",
        "alpha:gamma:0",
        "beta:beta:0",
        "beta:gamma:0",
    }
    assert names(plan.matrix_runs) == names(plan.runs) - {"PT:alpha:0"}
    assert plan.bases == (PRETRAINED, "alpha", "beta")


def test_further_base_models_go_to_targets_only() -> None:
    model = ModelConfig("model", bases=("org/other",))
    plan = make_plan(make_config(model=model, sources=("alpha",), targets=("beta",), seeds=2))
    base_runs = [run for run in plan.runs if run.kind == "base"]
    assert names(tuple(base_runs)) == {"org/other:beta:0", "org/other:beta:1"}
    assert plan.bases == (PRETRAINED, "alpha", "org/other")
    assert all(run.depends_on is None for run in base_runs)


def test_target_runs_wait_for_the_source_run_of_their_seed() -> None:
    plan = make_plan()
    for run in plan.runs:
        if run.kind == "source":
            source = plan.by_id[run.depends_on or ""]
            assert (source.base.label, source.target, source.seed) == (
                PRETRAINED,
                run.base.label,
                run.seed,
            )
            assert run.base.source_run == source.id
        else:
            assert run.depends_on is None


def test_every_run_follows_what_it_depends_on() -> None:
    runs = list(make_plan().runs)
    random.Random(0).shuffle(runs)
    place = {run.id: k for k, run in enumerate(sort_runs(runs))}
    for run in runs:
        assert run.depends_on is None or place[run.depends_on] < place[run.id]


def test_ready_and_orphans() -> None:
    plan = make_plan(make_config(sources=("alpha",), targets=("beta",), seeds=1))
    alpha, beta = (run for run in plan.runs if run.kind == "pretrained")
    (follower,) = (run for run in plan.runs if run.kind == "source")
    assert names(plan.ready(set())) == {alpha.name, beta.name}
    assert names(plan.ready({alpha.id})) == {beta.name, follower.name}
    assert plan.dependants(alpha.id) == (follower,)
    assert plan.dependants(beta.id) == ()
    assert plan.orphans({alpha.id}) == (follower,)
    assert plan.orphans({beta.id}) == ()
    assert plan.without({alpha.id}).runs == (beta, follower)


def test_orphans_go_all_the_way_down() -> None:
    first, second, third = make_plan().runs[:3]
    chain = (first, replace(second, depends_on=first.id), replace(third, depends_on=second.id))
    plan = Plan("x", chain, (), (), 1)
    assert [run.id for run in plan.orphans({first.id})] == [second.id, third.id]


def test_a_circle_is_named_in_order() -> None:
    first, second, third = make_plan().runs[:3]
    circle = [
        replace(first, depends_on=third.id),
        replace(second, depends_on=first.id),
        replace(third, depends_on=second.id),
    ]
    with pytest.raises(IntertrainError, match="wait for each other: ") as caught:
        sort_runs(circle)
    steps = str(caught.value).split(": ", 1)[1].split(". Break")[0].split(" -> ")
    assert steps[0] == steps[-1]
    assert set(steps) == {first.name, second.name, third.name}
    follows = {first.name: second.name, second.name: third.name, third.name: first.name}
    assert all(follows[a] == b for a, b in pairwise(steps))


def test_unknown_dependency_and_repeated_run_are_errors() -> None:
    first, second = make_plan().runs[:2]
    with pytest.raises(IntertrainError, match="depends on run nowhere, which is not in the plan"):
        sort_runs([replace(first, depends_on="nowhere")])
    with pytest.raises(IntertrainError, match="are one run"):
        sort_runs([first, replace(second, id=first.id)])


def test_ids_do_not_depend_on_what_else_is_in_the_grid() -> None:
    small = make_plan(make_config(sources=("alpha",), targets=("beta",), seeds=1))
    large = make_plan(make_config(seeds=3))
    assert {run.id for run in small.runs} <= {run.id for run in large.runs}


def test_ids_do_not_depend_on_names_paths_or_the_engine() -> None:
    config = make_config()
    moved = replace(
        config,
        name="renamed",
        out="/elsewhere",
        engine=replace(config.engine, lanes=3, devices=2),
        data=replace(config.data, data_dir="/other", cache_dir="/tmp"),
    )
    assert [run.id for run in make_plan(config).runs] == [run.id for run in make_plan(moved).runs]


def test_ids_of_dependants_change_with_the_source_tasks_data() -> None:
    config = make_config(sources=("alpha",), targets=("beta",), seeds=1)

    def ids(alpha_data: str) -> dict[str, str]:
        data: dict[str, str | None] = {"alpha": alpha_data, "beta": "b"}
        resolution = Resolution({"model": "w"}, data, "float32")
        plan = build_plan(config, config.sources, config.targets, resolution)
        return {run.name: run.id for run in plan.runs}

    before, after = ids("old"), ids("new")
    assert {name for name in before if before[name] != after[name]} == {
        "PT:alpha:0",
        "alpha:beta:0",
    }


def test_automatic_precision_is_resolved() -> None:
    assert {run.protocol.precision for run in make_plan().runs} == {"float32"}
    config = make_config(protocol=Protocol(precision="bfloat16"))
    assert {run.protocol.precision for run in make_plan(config).runs} == {"bfloat16"}


def test_a_base_model_may_not_be_another_row_again() -> None:
    config = make_config(model=ModelConfig("model", bases=("copy",)))
    resolution = Resolution({"model": "w", "copy": "w"})
    with pytest.raises(IntertrainError, match="'copy' is the same model as 'model'"):
        build_plan(config, TASKS, TASKS, resolution)
    config = make_config(model=ModelConfig("model", bases=("alpha",)))
    with pytest.raises(IntertrainError, match=r"'alpha' is also the name .* './alpha'"):
        build_plan(config, TASKS, TASKS)


def test_base_models_may_be_pinned() -> None:
    model = ModelConfig("org/pt@v1", bases=("https://huggingface.co/org/a/tree/v2", "org/a"))
    resolution = Resolution({"org/pt@v1": "p", "org/a@v2": "a2", "org/a": "a"})
    plan = build_plan(make_config(model=model), (), ("alpha",), resolution)
    assert plan.bases == (PRETRAINED, "org/a@v2", "org/a")
    bases = {run.base.label: run.base for run in plan.runs}
    assert bases["org/a@v2"].model == "org/a@v2" and bases["org/a@v2"].fingerprint == "a2"
    assert (bases[PRETRAINED].reference, bases[PRETRAINED].revision) == ("org/pt", "v1")
    assert bases[PRETRAINED].fingerprint == "p"


def test_a_pin_beside_the_reference_was_once_resolved_by_the_reference_alone() -> None:
    before = Resolution({"org/pt": "p"})
    for model in (ModelConfig("org/pt", "v1"), ModelConfig("org/pt@v1")):
        plan = build_plan(make_config(model=model), (), ("alpha",), before)
        assert plan.runs[0].base.fingerprint == "p"


def test_a_pinned_base_model_may_not_be_the_pretrained_one_again() -> None:
    config = make_config(model=ModelConfig("org/pt@v1", bases=("org/pt",)))
    resolution = Resolution({"org/pt@v1": "w", "org/pt": "w"})
    with pytest.raises(IntertrainError, match="'org/pt' is the same model as 'org/pt@v1', by its"):
        build_plan(config, TASKS, TASKS, resolution)


def test_record_of_a_run_is_consistent() -> None:
    for run in make_plan().runs:
        for record in (
            record_of(run, make_result(), None, {"from": "x"}, {"jax": "1"}),
            record_of(run, None, "diverged", {}, {}),
        ):
            assert RUNS.from_json(RUNS.to_json(record)) == record
            assert record.id == run.id


@pytest.mark.parametrize("name", ["real-small", "real-small-rank"])
def test_results_of_the_version_before_resume_with_nothing_to_do(name: str) -> None:
    directory = ResultsDir(RESULTS / name)
    config, resolution = directory.experiment(), directory.resolution()
    assert config is not None
    plan = build_plan(config, config.sources, config.targets, resolution)
    directory.check(config, resolution)
    records = directory.runs.read_all()
    assert not records.problems
    assert {run.id for run in plan.runs} == set(records.by_key)
    assert {record.status for record in records.by_key.values()} == {"done"}
    assert not plan.without(records.by_key).runs


def test_a_ranking_of_the_version_before_resumes_with_nothing_to_do() -> None:
    directory = ResultsDir(RESULTS / "real-small-rank")
    config, probes = directory.ranking(), directory.probes.read_all()
    assert config is not None and not probes.problems
    directory.check(config)
    by_label = {label: record for (label, _), record in probes.by_key.items()}
    assert by_label.keys() == {ref.label for ref in config.refs}
    for record in by_label.values():
        assert record.covers(config.seeds, config.learning_rates, config.estimators)
        assert replace(config.protocol, precision="float32") == record.protocol
    pretrained = config.refs[0]
    files = files_hash(pretrained.reference)
    if files is not None:  # its package is not everywhere
        record = by_label[pretrained.label]
        data = record.data.fingerprint
        assert record.id == probe_id(pretrained, files, config.task, data, record.protocol)


@pytest.mark.parametrize("name", ["real-small", "real-small-rank"])
def test_no_default_results_directory_is_that_of_published_results(name: str) -> None:
    published = (RESULTS / name).resolve()
    experiment, ranking = ResultsDir(published).experiment(), ResultsDir(published).ranking()
    configs = [load_config(name), load_config(published / "experiment.yaml"), experiment, ranking]
    for config in filter(None, configs):
        assert (RESULTS.parent / config.out_dir).resolve() != published
        # What is there is not among what git keeps either.
        assert config.out_dir.parts[0] == "runs"
    assert "runs/" in (RESULTS.parent / ".gitignore").read_text("utf-8").splitlines()


def test_what_a_plan_is_asked_takes_time_in_proportion_to_its_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Steps are counted, as a clock says more of the machine: every look at a run's id is one.
    steps = 0

    class Counted(str):
        __slots__ = ()

        def __hash__(self) -> int:
            nonlocal steps
            steps += 1
            return super().__hash__()

        def __eq__(self, other: object) -> bool:
            nonlocal steps
            steps += 1
            return super().__eq__(other)

    def cost(tasks: int) -> tuple[int, int]:
        names = tuple(f"t{n}" for n in range(tasks))
        plan = make_plan(make_config(sources=names, targets=names, seeds=1))
        runs = tuple(replace(run, id=Counted(run.id)) for run in plan.runs)
        plan = replace(plan, runs=runs)
        nonlocal steps
        steps = 0
        done = {run.id for run in runs[: tasks // 2]}
        plan.ready(done), plan.orphans(done), plan.without(done)
        return steps, len(runs)

    (few, small), (many, large) = cost(5), cost(20)
    assert many / few < 1.5 * large / small


def test_sources_of_another_protocol_are_runs_of_their_own() -> None:
    both = make_config(sources=("alpha", "beta"), targets=("beta", "gamma"), seeds=1)
    small = replace(both, source_protocol={"train_size": 50})
    plan, same = make_plan(small), make_plan(both)
    # PT on beta is a baseline on all examples, and a source model on few.
    assert (len(same.runs), len(plan.runs)) == (3 + 4, 4 + 4)
    makers = [run for run in plan.runs if not plan.in_matrix(run)]
    assert sorted((run.name, run.protocol.train_size) for run in makers) == [
        ("PT:alpha:0", 50),
        ("PT:beta:0", 50),
    ]
    for run in plan.matrix_runs:
        assert run.protocol.train_size is None
        assert plan.dependants(run.id) == ()
    for run in makers:
        assert {r.name for r in plan.dependants(run.id)} == {
            f"{run.target}:beta:0",
            f"{run.target}:gamma:0",
        }
    # Baselines are those of the plain grid; what starts from other sources is not.
    baselines = {run.id for run in same.runs if run.kind == "pretrained" and run.target != "alpha"}
    assert baselines < plan.by_id.keys()
    assert not {run.id for run in same.runs if run.kind == "source"} & plan.by_id.keys()


def test_a_protocol_of_sources_that_says_nothing_new_changes_no_id() -> None:
    config = make_config()
    said = replace(config, source_protocol={"epochs": 10, "weight_decay": 0.01})
    assert make_plan(said) == make_plan(config)
