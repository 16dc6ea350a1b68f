"""What a plan will cost, without data, model or network: published sizes and arithmetic."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass
from math import ceil

from intertrain_jax.base import IntertrainError
from intertrain_jax.config.protocol import Protocol
from intertrain_jax.models.families.table import FAMILIES, family_of
from intertrain_jax.models.hf.config import read_hf_config
from intertrain_jax.models.hf.references import is_local, resolve_reference
from intertrain_jax.planning.plan import Plan

# Assumed of the accelerator: dense bfloat16 peak of an H100 or H200, and the share of it that
# finetuning reaches on non-padding tokens.
PEAK_FLOPS = 989e12
UTILISATION = 0.4
# Assumed of two processor cores in float32 where the model's size is not known; see `rates`.
CPU_FLOPS = 0.15e12


@dataclass(frozen=True)
class TaskSize:
    """Examples of a task's splits, as the protocol cuts them, and their mean length.

    Attributes:
        train, validation, test: examples.
        tokens: mean per example, special tokens included, cut at 250.
    """

    train: int
    validation: int
    test: int
    tokens: float

    def limited(self, rows: int | None) -> TaskSize:
        """Returns the sizes with at most `rows` examples per split."""
        if rows is None:
            return self
        train, validation, test = (min(n, rows) for n in (self.train, self.validation, self.test))
        return TaskSize(train, validation, test, self.tokens)


def _carved(train: int, test: int, tokens: float) -> TaskSize:
    """The sizes of a task whose validation split is cut out of its train split."""
    validation = min(1000, train // 10)
    return TaskSize(train - validation, validation, test, tokens)


# Sizes as published. Mean lengths were measured with BERT's uncased WordPiece on samples of up to
# 400 examples, and serve RoBERTa's byte pairs as well; those marked * are guesses.
TASK_SIZES: Mapping[str, TaskSize] = {
    "cola": _carved(8_551, 1_043, 11),
    "sst2": _carved(67_349, 872, 14),
    "mrpc": _carved(3_668, 408, 53),
    "qqp": _carved(363_846, 40_430, 31),
    "mnli": TaskSize(392_702, 9_815, 9_832, 42),
    "qnli": _carved(104_743, 5_463, 47),
    "rte": _carved(2_490, 277, 71),
    "wnli": _carved(635, 71, 37),
    "boolq": _carved(9_427, 3_270, 137),
    "cb": _carved(250, 56, 83),
    "copa": _carved(400, 100, 25),
    "multirc": _carved(27_243, 4_848, 237),
    "wic": _carved(5_428, 638, 22),
    "wsc": _carved(554, 104, 33),
    "esnli": TaskSize(549_367, 9_842, 9_824, 26),
    "anli": TaskSize(162_865, 3_200, 3_200, 86),
    "tweet_emoji": TaskSize(45_000, 5_000, 50_000, 21),
    "tweet_emotion": TaskSize(3_257, 374, 1_421, 25),
    "tweet_hate": TaskSize(9_000, 1_000, 2_970, 31),
    "tweet_irony": TaskSize(2_862, 955, 784, 23),
    "tweet_offensive": TaskSize(11_916, 1_324, 860, 33),
    "tweet_sentiment": TaskSize(45_615, 2_000, 12_284, 30),
    "tweet_stance_abortion": TaskSize(587, 66, 280, 31),
    "tweet_stance_atheism": TaskSize(461, 52, 220, 31),
    "tweet_stance_climate": TaskSize(355, 40, 169, 30),
    "tweet_stance_feminist": TaskSize(597, 67, 285, 31),
    "tweet_stance_hillary": TaskSize(620, 69, 295, 30),
    "20_newsgroups": _carved(11_314, 7_532, 201),
    "ag_news": _carved(120_000, 7_600, 52),
    "amazon_reviews": _carved(3_000_000, 650_000, 103),
    "dbpedia": _carved(560_000, 70_000, 70),
    "financial_phrasebank": TaskSize(3_926, 436, 484, 30),
    "imdb": _carved(25_000, 25_000, 204),
    "isear": TaskSize(6_210, 690, 766, 27),  # *
    "poem_sentiment": TaskSize(892, 105, 104, 11),  # *
    "rotten_tomatoes": TaskSize(8_530, 1_066, 1_066, 28),
    "sst5": TaskSize(8_544, 1_101, 2_210, 25),
    "stsb": _carved(5_749, 1_500, 27),
    "trec_coarse": _carved(5_452, 500, 14),
    "trec_fine": _carved(5_452, 500, 14),
    "yahoo_answers": _carved(1_400_000, 60_000, 16),
}


@dataclass(frozen=True)
class Estimate:
    """Cost of runs, at most: early stopping is not foreseen.

    Attributes:
        train_tokens: trained on, padding not counted.
        evaluation_tokens: of validations and tests.
        flops: 6 × parameters per trained token, 2 × per evaluated one; None for an unknown model.
        unknown: tasks whose size is not known; their runs are not in the numbers.
        cpu_rate: operations per second of the processor.
        achieved: whether a grid reached `cpu_rate` on this machine.
    """

    train_tokens: float
    evaluation_tokens: float
    flops: float | None
    unknown: tuple[str, ...] = ()
    cpu_rate: float = CPU_FLOPS
    achieved: bool = False

    @property
    def gpu_hours(self) -> float | None:
        """Hours of one GPU at `UTILISATION` of `PEAK_FLOPS`."""
        return None if self.flops is None else self.flops / (UTILISATION * PEAK_FLOPS) / 3600

    @property
    def cpu_hours(self) -> float | None:
        """Hours of the processor at `cpu_rate`."""
        return None if self.flops is None else self.flops / self.cpu_rate / 3600


def estimate(
    plan: Plan, done: Container[str], sizes: Mapping[str, TaskSize], parameters: int | None
) -> Estimate:
    """Adds up what the runs of a plan cost.

    Args:
        plan: the plan.
        done: ids of the runs that cost nothing any more.
        sizes: task name → size.
        parameters: of the encoder's layers; None if not known.
    """
    trained = evaluated = 0.0
    unknown = {}
    for run in plan.runs:
        if run.id in done:
            continue
        size = sizes.get(run.target)
        if size is None:
            unknown[run.target] = True
            continue
        train, evaluation = run_tokens(run.protocol, size, plan.in_matrix(run))
        trained += train
        evaluated += evaluation
    flops = None if parameters is None else parameters * (6.0 * trained + 2.0 * evaluated)
    return Estimate(trained, evaluated, flops, tuple(unknown))


def run_tokens(protocol: Protocol, size: TaskSize, tested: bool = True) -> tuple[float, float]:
    """Returns the (trained, evaluated) tokens of a run that reaches the end of its schedule."""
    train = protocol.rows_of(size.train)
    bounds = []
    if protocol.epochs is not None:
        bounds.append(protocol.epochs * train)
    if protocol.max_examples is not None:
        bounds.append(float(protocol.max_examples))
    examples = min(bounds)
    tokens = min(size.tokens, protocol.max_length)
    validations = ceil(examples / protocol.validate_every)
    evaluated = validations * size.validation + (size.test if tested else 0)
    return examples * tokens, evaluated * tokens


def encoder_parameters(reference: str) -> int | None:
    """Returns the parameters of the layers that input tokens pass.

    Embeddings cost no products, and a decoder sees only the few tokens of a label's text. Looks at
    local models' config.json and at the well-known models of every family; None for all others.
    """
    if not is_local(reference):
        published = (family.published.get(reference) for family in FAMILIES.values())
        return next((sizes.parameters for sizes in published if sizes), None)
    try:
        hf_config = read_hf_config(resolve_reference(reference))
        family = family_of(hf_config, reference)
        return family.layers(family.config(hf_config, reference)).parameters
    except IntertrainError:
        return None  # it is said when the model is loaded
