"""A model card: what a model that a grid made is, and how to use it, for the hub and for people."""

from __future__ import annotations

import yaml

from intertrain_jax.data.task import Task
from intertrain_jax.records.runs import Record
from intertrain_jax.report import numbers

CARD_FILE = "README.md"
_CLASSES = """from transformers import pipeline

classify = pipeline("text-classification", model="MODEL")  """
ONE_TEXT, TWO_TEXTS = '"a text"', '{"text": "a text", "text_pair": "its second text"}'
_WORDS = """from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("MODEL")
model = AutoModelForSeq2SeqLM.from_pretrained("MODEL")  """


def call_of(texts: int) -> str:
    """Returns what a classifier of one text or of pairs is called with, as Python."""
    return ONE_TEXT if texts == 1 else TWO_TEXTS


def model_card(record: Record, task: Task, pretrained: str) -> str:
    """Returns the text of the README.md of a run's model, its facts as metadata first.

    Args:
        record: of the run, done.
        task: that it was trained on.
        pretrained: hub id or another reference of the model that it started from.
    """
    result = record.result
    assert result is not None
    # A model that was only to be a source was never tested.
    split, score = ("test", result.test)
    if score is None:
        split, score = "validation", result.validation
    metric = {"name": task.metric, "type": task.metric, "value": round(score, 4)}
    dataset = {
        "name": task.title,
        "type": task.name if task.hub is None else task.hub.path,
        "split": split,
    }
    tested = f"\n| test | {result.n_test:,} | {score:{numbers.SCORE}} |" if split == "test" else ""
    in_words = record.protocol.text is not None
    about: dict[str, object] = {
        "base_model": pretrained,
        "library_name": "transformers",
        "pipeline_tag": "text2text-generation" if in_words else "text-classification",
        "tags": ["intertrain-jax"],
        "model-index": [
            {
                "name": task.name,
                "results": [
                    {
                        "task": {"type": "text-classification"},
                        "dataset": dataset,
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
    used = (_WORDS if in_words else _CLASSES).replace("MODEL", record.target)
    asked = "" if in_words else f"classify({call_of(len(task.texts))})\n"
    read = answers = ""
    if (text := record.protocol.text) is not None:
        template = text.templates.get(task.name)
        read = f", as `{template}`" if template else f", joined by `{text.separator}`"
        answers = "; the answer is a class's " + (
            "number, from 0" if text.labels == "id" else "name"
        )
    return f"""---
{front}---

# {task.title}: a finetuning of {pretrained}

Trained on {result.n_train:,} examples of {task.title} ({task.name}), {result.examples:,} in all, by
`intertrain-jax grid`; seed {record.seed}. It stopped because: {result.stop_reason.sentence}

| split | examples | {task.metric}, percent |
| --- | ---: | ---: |
| validation | {result.n_validation:,} | {result.validation:{numbers.SCORE}} |{tested}

- texts: {texts}{read}
- classes: {classes}{answers}
- learning rate {record.protocol.learning_rate:g}, batches of {record.protocol.batch_size}, inputs of at
  most {record.protocol.max_length} tokens

```python
{used}# this directory
{asked}```
"""
