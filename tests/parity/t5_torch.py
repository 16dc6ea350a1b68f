"""What PyTorch's transformers compute for a T5 parity case, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from parity_cases import Case
from t5_cases import random_batch, random_weights
from torch.nn import functional
from transformers import AutoConfig, T5ForConditionalGeneration


def build(case: Case, seed: int) -> tuple[Any, dict[str, NDArray[np.float16]]]:
    """Returns the reference model in float64 and its weights as a file would hold them.

    An untied model is given an output of its own by hand: transformers ties it when it builds one
    from a configuration, whatever that says.
    """
    config = AutoConfig.for_model(**case.hf_config, attn_implementation="eager")
    model = T5ForConditionalGeneration(config).double().eval()
    if not case.hf_config["tie_word_embeddings"]:
        model.lm_head.weight = torch.nn.Parameter(model.shared.weight.detach().clone())
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    weights = random_weights(shapes, seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(weights[name]).double())
    return model, weights


def reference(case: Case, seed: int) -> dict[str, NDArray[Any]]:
    """Returns weights, inputs, encoder output, logits, loss and all gradients.

    The loss is the mean over examples of the mean over an example's tokens. Keys are
    `weight/<tensor>`, `batch/<input>`, `encoded`, `logits`, `loss` and `gradient/<tensor>`.
    """
    model, weights = build(case, seed)
    batch = random_batch(case, seed)
    texts = torch.from_numpy(batch["texts"])
    real = texts >= 0
    starts = torch.full_like(texts[:, :1], case.hf_config["decoder_start_token_id"])
    output = model(
        input_ids=torch.from_numpy(batch["input_ids"]),
        attention_mask=torch.from_numpy(batch["attention_mask"]),
        decoder_input_ids=torch.cat([starts, texts[:, :-1].clamp(min=0)], dim=1),
    )
    losses = functional.cross_entropy(
        output.logits.transpose(1, 2), texts.clamp(min=0), reduction="none"
    )
    loss = ((losses * real).sum(1) / real.sum(1)).mean()
    loss.backward()
    arrays: dict[str, NDArray[Any]] = {f"weight/{name}": w for name, w in weights.items()}
    arrays |= {f"batch/{name}": array for name, array in batch.items()}
    for name, tensor in (
        ("encoded", output.encoder_last_hidden_state),
        ("logits", output.logits),
        ("loss", loss),
    ):
        arrays[name] = tensor.detach().numpy().astype(np.float32)
    for name, parameter in model.named_parameters():
        arrays[f"gradient/{name}"] = parameter.grad.numpy().astype(np.float32)
    return arrays
