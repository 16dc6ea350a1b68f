"""Text to text: how answers are decided, and what a probe of a tied model trains."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from intertrain_jax.data.packing import BlockShape, pack
from intertrain_jax.engine.tasks import objective_of
from intertrain_jax.models.families import t5_texts
from intertrain_jax.train.arena import SplitView
from intertrain_jax.train.hyper import answer_table, blank_hyper
from intertrain_jax.train.objectives import Classification, TextToText
from intertrain_jax.train.optim import Hyper
from intertrain_jax.train.step import BlockKind, Segments, predict, token_block
from tests.engine.tiny_grid import tiny_checkpoint, tiny_protocol, tiny_task

TASK, WIDER = tiny_task("task", 3), tiny_task("wider", 5)
SHAPE = BlockShape(8, 32, 4)
ARENA = jnp.asarray(np.asarray(TASK.test.tokens))
OFFSETS = np.asarray(TASK.test.offsets, np.int32)
VIEW = SplitView(
    OFFSETS[:-1],
    np.diff(OFFSETS).astype(np.int32),
    np.asarray(TASK.test.boundaries),
    np.asarray(TASK.test.labels, np.float32),
)
BLOCK = pack(VIEW.lengths.tolist(), (SHAPE,))[0].examples
VERSIONS = pytest.mark.parametrize("version", ["t5", "t5-v1.1"])


def objective(version: str, **changes: Any) -> TextToText:
    """Returns the objective of a grid of both tasks."""
    protocol = tiny_protocol(version, **changes)
    made = objective_of(tiny_checkpoint(version).config, {"task": TASK, "wider": WIDER}, protocol)
    assert isinstance(made, TextToText)
    return made


def params_of(version: str, made: TextToText) -> Any:
    """Returns random weights of a model that is rather sure of what it says."""
    model = tiny_checkpoint(version)
    head = made.start_head(3, 0, True, model.params, model.head)
    params = jax.tree.map(jnp.asarray, {**model.params, **head})
    params["decoder"]["norm"]["scale"] *= 200.0
    return params


def hyper(made: TextToText, answers: tuple[tuple[int, ...], ...] = TASK.answers) -> Hyper:
    """Returns hyperparameters of a run on the task."""
    table = answer_table(answers, made.answers_shape)
    return replace(
        blank_hyper(made.answers_shape), answers_CxT=table, num_classes=np.int32(len(answers))
    )


def outputs(version: str, made: TextToText, h: Hyper) -> np.ndarray:
    """Returns the outputs [N, C] of the block's examples."""
    segments = VIEW.segments(BLOCK)
    found = predict(
        params_of(version, made), h, segments, ARENA, BlockKind(made, SHAPE.length, jnp.float32)
    )
    return np.asarray(found)[BLOCK >= 0]


def texts_of(version: str, made: TextToText, length: int) -> np.ndarray:
    """Returns what is generated for the block's examples."""
    segments: Segments = VIEW.segments(BLOCK)
    block, _ = token_block(ARENA, segments, SHAPE.length)
    params = params_of(version, made)
    encoded = t5_texts.encode(params, made.config, block)
    return np.asarray(t5_texts.generate(params, made.config, block, encoded, length))[BLOCK >= 0]


def commonest(texts: np.ndarray, count: int) -> tuple[tuple[int, ...], ...]:
    """Returns the texts that occur most."""
    found, counts = np.unique(texts, axis=0, return_counts=True)
    return tuple(tuple(found[i].tolist()) for i in np.argsort(-counts)[:count])


def test_the_longest_label_text_and_the_most_classes_decide_the_table() -> None:
    made = objective("t5")
    assert made.answers_shape == (5, 3) and made.num_outputs == 5
    table = answer_table(TASK.answers, made.answers_shape)
    assert table is not None
    assert table.tolist() == [[20, 1, -1], [21, 30, 1], [22, 1, -1], [-1] * 3, [-1] * 3]


@VERSIONS
def test_a_generated_label_is_its_class_and_any_other_text_no_answer(version: str) -> None:
    made = replace(objective(version), length=4)
    # Labels that the model does say: the two texts that it generates most.
    first, second = commonest(texts_of(version, made, 4), 2)
    found = outputs(version, made, hyper(made, (first, (9, 9, 1), second)))
    for row, text in zip(found, texts_of(version, made, 4).tolist(), strict=True):
        expected = [0.0 if tuple(text) == label else -np.inf for label in (first, (), second)]
        assert row.tolist() == [*expected, -np.inf, -np.inf]
    assert np.isfinite(found).any(1).sum() >= 2


@VERSIONS
def test_scores_are_the_log_probabilities_of_whole_texts(version: str) -> None:
    made = objective(version, text=replace(tiny_protocol(version).text, decision="score"))
    assert made.decision == "score"
    found = outputs(version, made, hyper(made))
    assert (found[:, 3:] == -1e9).all()
    segments = VIEW.segments(BLOCK)
    block, _ = token_block(ARENA, segments, SHAPE.length)
    params = params_of(version, made)
    encoded = t5_texts.encode(params, made.config, block)
    for c, answer in enumerate(TASK.answers):
        inputs = jnp.broadcast_to(jnp.asarray((0, *answer[:-1])), (*BLOCK.shape, len(answer)))
        logits = t5_texts.text_logits(params, made.config, block, encoded, inputs)
        log_probs = np.asarray(jax.nn.log_softmax(logits, -1))[BLOCK >= 0]
        expected = sum(log_probs[:, t, token] for t, token in enumerate(answer))
        np.testing.assert_allclose(found[:, c], expected, rtol=1e-5)


@VERSIONS
def test_generating_and_scoring_agree_where_a_label_is_generated_and_scores_best(
    version: str,
) -> None:
    made = objective(version)
    labels = commonest(texts_of(version, made, 3), 3)
    generated = outputs(version, made, hyper(made, labels))
    scored = outputs(version, replace(made, decision="score"), hyper(made, labels))
    answered = np.isfinite(generated).any(1)
    said_class = generated.argmax(1)
    # A greedy text need not be the likeliest one; if it has more than half of the probability, it is.
    surely = np.exp(scored[np.arange(len(scored)), said_class]) > 0.5
    assert (answered & surely).sum() >= 3
    assert (scored.argmax(1) == said_class)[answered & surely].all()


def test_a_classifier_pools_the_encoders_output_over_each_segment() -> None:
    made = objective_of(
        tiny_checkpoint("t5-classifier").config,
        {"task": TASK, "wider": WIDER},
        tiny_protocol("t5-classifier"),
    )
    assert isinstance(made, Classification)
    model = tiny_checkpoint("t5-classifier")
    body = {name: model.params[name] for name in ("embeddings", "encoder")}
    params = {**body, **made.start_head(3, 0, False, body, None)}
    h = replace(blank_hyper(), num_classes=np.int32(3))
    segments = VIEW.segments(BLOCK)
    found = predict(params, h, segments, ARENA, BlockKind(made, SHAPE.length, jnp.float32))
    block, _ = token_block(ARENA, segments, SHAPE.length)
    encoded = np.asarray(t5_texts.encode(model.params, made.config, block))
    out = params["head"]["out"]
    for r, q in zip(*np.nonzero(BLOCK >= 0), strict=True):
        mean = encoded[r][np.asarray(block.segments_RxL)[r] == q].mean(0)
        np.testing.assert_allclose(
            found[r, q], mean @ out["kernel"] + out["bias"], rtol=1e-4, atol=1e-5
        )


def test_a_probe_of_a_tied_model_trains_an_output_of_its_own() -> None:
    made = objective("t5", method="probe")
    assert made.own_head and not objective("t5").own_head and objective("t5-v1.1").own_head
    params = params_of("t5", made)
    np.testing.assert_array_equal(params["head"]["out"]["kernel"], params["embeddings"]["word"].T)
    same = outputs("t5", replace(made, decision="score"), hyper(made))
    tied = objective("t5")
    expected = outputs("t5", replace(tied, decision="score"), hyper(tied))
    np.testing.assert_allclose(same, expected, rtol=1e-6)
