"""A model card: what a model that a grid made is, and how to use it, for the hub and for people."""

from __future__ import annotations

import yaml

from intertrain_jax.data.task import Task
from intertrain_jax.records.runs import Record
from intertrain_jax.report import numbers


def model_card(record: Record, task: Task, pretrained: str) -> str:
    """Returns the text of the README.md of a run's model, its facts as metadata first.

    Args:
        record: of the run, done.
        task: that it was trained on.
        pretrained: hub id or another reference of the model that it started from.
    """
    result = record.result
    assert result is not None
    metric = {"name": task.metric, "type": task.metric, "value": round(result.test, 4)}
    dataset = task.name if task.hub is None else task.hub.path
    about: dict[str, object] = {
        "base_model": pretrained,
        "library_name": "transformers",
        "pipeline_tag": "text-classification",
        "tags": ["intertrain-jax"],
        "model-index": [
            {
                "name": task.name,
                "results": [
                    {
                        "task": {"type": "text-classification"},
                        "dataset": {"name": task.title, "type": dataset},
                        "metrics": [metric],
                    }
                ],
            }
        ],
    }
    if task.hub is not None:
        about["datasets"] = [task.hub.path]
    front = yaml.safe_dump(about, sort_keys=False, allow_unicode=True)
    texts = " and ".join(f"`{text}`" for text in task.texts)
    classes = ", ".join(task.labels) if task.labels else "none: it predicts a number"
    return f"""---
{front}---

# {task.title}: a finetuning of {pretrained}

Trained on {result.n_train:,} examples of {task.title} ({task.name}), {result.examples:,} in all, by
`intertrain-jax grid`; seed {record.seed}. It stopped because: {result.stop_reason.sentence}

| split | examples | {task.metric}, percent |
| --- | ---: | ---: |
| validation | {result.n_validation:,} | {result.validation:{numbers.SCORE}} |
| test | {result.n_test:,} | {result.test:{numbers.SCORE}} |

- texts: {texts}
- classes: {classes}
- learning rate {record.protocol.learning_rate:g}, batches of {record.protocol.batch_size}, inputs of at
  most {record.protocol.max_length} tokens

```python
from transformers import pipeline

classify = pipeline("text-classification", model="{record.target}")  # this directory
```
"""
