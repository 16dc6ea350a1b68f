"""A protocol in plain sentences, generated from the configuration of the results."""

from __future__ import annotations

from intertrain_jax.config.protocol import Protocol

_METHODS = {
    "finetune": "All of a model was trained.",
    "probe": "Only the classification head was trained (a linear probe).",
    "lp_then_ft": "First the head was trained, then all of the model.",
}
_HEADS = {
    "fresh": "Heads were initialised anew.",
    "inherit": "Heads were kept from the checkpoint where shapes match.",
}


def protocol_sentences(protocol: Protocol) -> list[str]:
    """Returns what a protocol says, one or more sentences per text."""
    length = (
        "until early stopping" if protocol.epochs is None else f"for {protocol.epochs:g} epochs"
    )
    if protocol.max_examples is not None:
        length += f", at most {protocol.max_examples:,} examples"
    size = protocol.train_size
    sentences = [
        f"{_METHODS[protocol.method]} {_HEADS[protocol.head]}",
        f"Training ran {length} in batches of {protocol.batch_size} with AdamW, at a learning rate of"
        f" {protocol.learning_rate:g} ({protocol.schedule} schedule, warm-up over"
        f" {100 * protocol.warmup_fraction:g} % of the steps, weight decay {protocol.weight_decay:g}).",
        f"Models were validated every {protocol.validate_every:,} examples and at the end; training"
        " stopped after"
        f" {protocol.patience:,} examples without a rise of {protocol.early_stop_epsilon:g}. The"
        " score is that of the parameters with the best validation score, on the test split.",
        f"Texts were cut at {protocol.max_length} tokens."
        + (
            ""
            if size is None
            else f" Only the first {size:,} examples of one shuffle were trained on."
        ),
    ]
    if protocol.l2_to_base:
        sentences.append(
            f"Parameters were held to the base model's by a penalty of {protocol.l2_to_base:g}."
        )
    if protocol.clip_norm is not None:
        sentences.append(f"Gradients were clipped at a norm of {protocol.clip_norm:g}.")
    return sentences


def uncertainty_sentences(seeds: bool) -> list[str]:
    """Returns what intervals, ranks and groups are."""
    over = "seeds" if seeds else "targets, as the table has one score per cell"
    return [
        "A gain is the mean score of a model on a target, less the pretrained model's, in points of"
        " percent. An average gain is over all targets; where cells are missing, the additive model of"
        " base and target fills in what the others say.",
        f"Intervals are at 95 %. The interval of an average, and of a rank, is over {over}. Models share"
        " a group where the lower is at least as good in more than 5 % of the draws.",
    ]
