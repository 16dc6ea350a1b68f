"""What PyTorch's transformers compute for a parity case, in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from parity_cases import Case, random_batch, random_weights
from transformers import AutoConfig, AutoModelForSequenceClassification

from intertrain_jax.models.families.table import family_of


def reference(case: Case, seed: int) -> dict[str, NDArray[Any]]:
    """Returns weights, inputs, hidden states of every layer, logits, loss and all gradients.

    Keys are `weight/<tensor>`, `batch/<input>`, `hidden/<layer>`, `logits`, `loss` and
    `gradient/<tensor>`.
    """
    config = AutoConfig.for_model(
        **case.hf_config, num_labels=case.num_classes, attn_implementation="eager"
    )
    model = AutoModelForSequenceClassification.from_config(config).double().eval()
    state = model.state_dict()
    weights = random_weights({name: tuple(t.shape) for name, t in state.items()}, seed)
    model.load_state_dict({name: torch.from_numpy(w).double() for name, w in weights.items()})
    batch = random_batch(case, seed)
    inputs = {name: torch.from_numpy(array) for name, array in batch.items()}
    if not family_of(case.hf_config, case.name).token_types:
        del inputs["token_type_ids"]
    if case.num_classes == 1:
        inputs["labels"] = inputs["labels"].double()
    output = model(**inputs, output_hidden_states=True)
    output.loss.backward()
    arrays: dict[str, NDArray[Any]] = {f"weight/{name}": w for name, w in weights.items()}
    arrays |= {f"batch/{name}": array for name, array in batch.items()}
    for i, hidden in enumerate(output.hidden_states):
        arrays[f"hidden/{i}"] = hidden.detach().numpy().astype(np.float32)
    arrays["logits"] = output.logits.detach().numpy().astype(np.float32)
    arrays["loss"] = output.loss.detach().numpy().astype(np.float32)
    for name, parameter in model.named_parameters():
        gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        arrays[f"gradient/{name}"] = gradient.numpy().astype(np.float32)
    return arrays
