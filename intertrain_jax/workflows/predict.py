"""Predicts: labels and probabilities of a trained model for the rows of a file, in the packed engine."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intertrain_jax.base import IntertrainError, counted
from intertrain_jax.config.formats import expanded, is_file, is_folder
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.frames import column_names
from intertrain_jax.data.row_files import DISK_STATE, RawSplit, read_rows
from intertrain_jax.data.task import slots
from intertrain_jax.data.text import encode_rows, longest_input
from intertrain_jax.data.unlabelled import columns_of, read_texts, texts_to_read
from intertrain_jax.records.csv_text import csv_text
from intertrain_jax.records.store import write_atomic

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from intertrain_jax.engine.predicting import Predictor

# Where neither the model nor its tokenizer bounds the length of a text.
_LONGEST = 512


@dataclass(frozen=True)
class Prediction:
    """What a model says of every row.

    Attributes:
        table: the rows as they were, in their order, with the columns that follow; empty where a row has
            no text.
        answer: the column of labels, or of scores of a regression.
        probabilities: label → its column; empty for a regression.
        notes: what was found out, a sentence each.
    """

    table: pd.DataFrame
    answer: str
    probabilities: dict[str, str]
    notes: tuple[str, ...]

    @property
    def csv(self) -> str:
        """The table as CSV, in which no text is a formula for a spreadsheet.

        Cells that were read have all their digits, probabilities and scores six.
        """
        import pandas as pd

        new = {self.answer, *self.probabilities.values()}
        cells = {
            name: [_written(cell, name in new) for cell in self.table[name]]
            for name in self.table.columns
        }
        return csv_text(pd.DataFrame(cells, dtype=object))

    def write(self, path: str | Path) -> None:
        """Writes `csv` to a file."""
        write_atomic(Path(path), self.csv)


def predict(
    model: str | Path,
    rows: str | Path | pd.DataFrame,
    *,
    text: str | None = None,
    text2: str | None = None,
    max_length: int | None = None,
    revision: str | None = None,
) -> Prediction:
    """Returns labels and probabilities for every row of a file or a DataFrame.

    The forward pass is that of evaluation, in float32, so that probabilities are those of transformers.

    Args:
        model: a directory that transformers loads, as `models kept` and `models export` write them, or
            any other name of a model.
        rows: a file of any format that tasks may have (.csv, .tsv, .json, .jsonl, .parquet, gzipped or
            not, or a folder of `save_to_disk`), or a DataFrame, whose index is kept.
        text: column of texts, or columns in braces such as "{subject}: {body}"; may be left out if the
            rows have the columns that the model learnt from, as models written by this package say, or
            a column called "text", or one column and the model does not say what it learnt from.
        text2: column of the second texts, for a model of pairs.
        max_length: tokens that are read of a text, special ones included; None is the tokenizer's own
            limit, and no more than the model has positions, as in transformers.
        revision: of a hub model, where it is not part of the name.

    Raises:
        IntertrainError: the file, a row, a column or the model is not as it must be.
    """
    raw, table = _read(rows)
    ref = ModelRef.of(model, revision)
    # Names of a DataFrame's columns may be numbers.
    text, text2 = (None if x is None else str(x) for x in (text, text2))
    learnt = _learnt_columns(ref)
    read = texts_to_read(raw, text, text2, learnt)
    texts = read_texts(raw, read)
    given = [i for i, found in enumerate(texts) if found is not None]
    from intertrain_jax.engine.predicting import load_predictor

    predictor = load_predictor(ref.reference, ref.at)
    limit = _limit(predictor, max_length)
    notes = [*raw.notes]
    if text is None:
        notes.append(_said_of(read, text2))
    if len(learnt) > len(read):
        pair = " and ".join(map(repr, learnt))
        notes.append(
            f"the model learnt from pairs, {pair}, and reads one text: --text2 names the second"
        )
    if len(given) < len(texts):
        notes.append(f"{counted(len(texts) - len(given), 'row')} without text: no answer")
    outputs: Any = None
    if given:
        encoded = encode_rows(
            [texts[i] or () for i in given],
            [0.0] * len(given),
            False,
            predictor.directory,
            limit,
            None,
        )
        full = int((encoded.lengths >= limit).sum())
        if full:
            notes.append(
                f"{counted(full, 'row')} with all of the {limit} tokens that are read: what is beyond is"
                " not"
            )
        outputs = predictor.outputs(encoded)
    return _with_answers(table, predictor.labels, given, outputs, notes)


def _learnt_columns(ref: ModelRef) -> tuple[str, ...]:
    """Returns the columns that a model learnt from, as far as it says so."""
    from intertrain_jax.models.hf.config import learnt_columns, read_hf_config
    from intertrain_jax.models.hf.references import resolve_reference

    directory = resolve_reference(ref.reference, ref.at, only_config=True)
    return learnt_columns(read_hf_config(directory))


def _said_of(texts: Sequence[str], text2: str | None) -> str:
    """Says what is read, of which the first was not named."""
    named = [repr(text) if slots(text) else f"column {text!r}" for text in texts]
    if len(texts) == 2 and text2 is None:
        return f"the texts are {named[0]} and {named[1]}: --text and --text2 name others"
    return f"the text is {named[0]}: --text names another"


def _read(rows: str | Path | pd.DataFrame) -> tuple[RawSplit, pd.DataFrame]:
    """Returns the rows, and the table that they are."""
    if isinstance(rows, str | Path):
        path = expanded(rows)
        if is_folder(path) and not is_file(path / DISK_STATE):
            raise IntertrainError(
                f"{str(rows)!r} must be a file of rows, but is a folder. Name one of its files."
            )
        if not is_file(path) and not is_file(path / DISK_STATE):
            raise IntertrainError(
                f"{str(rows)!r} must be a file of rows, or a folder that save_to_disk wrote, but is not"
                f" there, seen from {str(Path.cwd())!r}. Correct the path."
            )
        raw = read_rows(path, blank_rows=True)
        return raw, _input_table(raw)
    if not (hasattr(rows, "columns") and hasattr(rows, "set_axis")):
        raise IntertrainError(
            f"rows must be a file or a DataFrame, got a {type(rows).__name__}. Make a DataFrame of it."
        )
    names = column_names(rows)
    table = rows.set_axis(names, axis=1)
    cells = zip(
        *(table[x].astype(object).where(table[x].notna(), None) for x in names), strict=True
    )
    return RawSplit([dict(zip(names, row, strict=True)) for row in cells], "the DataFrame"), table


def _limit(predictor: Predictor, asked: int | None) -> int:
    """Returns how many tokens are read of a text."""
    positions = predictor.max_length
    if asked is not None:
        if asked < 3 or asked > (positions or asked):
            raise IntertrainError(
                f"--max-length must be from 3 to {positions or 'any number of'}, the positions of model"
                f" {predictor.name!r}, but is {asked}. Correct it."
            )
        return asked
    known = [n for n in (positions, longest_input(predictor.directory)) if n is not None]
    return min(known, default=_LONGEST)


def _input_table(raw: RawSplit) -> pd.DataFrame:
    """Returns the rows as they were read: every cell the object that it was."""
    import pandas as pd

    columns = columns_of(raw)
    cells = {name: [_cell(row.get(name)) for row in raw.rows] for name in columns}
    table = pd.DataFrame(cells, dtype=object)
    table.columns = [str(name) for name in columns]
    return table


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


def _written(cell: Any, rounded: bool) -> str | None:
    """Returns a cell as text, so that no other cell of its column changes how it is written."""
    import pandas as pd

    if pd.api.types.is_scalar(cell) and pd.isna(cell):
        return None
    return f"{cell:.6g}" if rounded and isinstance(cell, float) else str(cell)


def _with_answers(
    table: pd.DataFrame,
    labels: Sequence[str] | None,
    given: Sequence[int],
    outputs_NxC: NDArray[np.float32] | None,
    notes: Sequence[str],
) -> Prediction:
    """Returns the rows with what the model says of those that have a text."""
    import numpy as np
    import pandas as pd

    new: dict[str, Any] = {}

    def column(name: str, values: Any) -> str:
        free = _free(name, {*table.columns, *new})
        new[free] = values
        return free

    probabilities: dict[str, str] = {}
    if labels is None:
        scores = np.full(len(table), np.nan)
        if outputs_NxC is not None:
            scores[list(given)] = outputs_NxC[:, 0]
        answer = column("score", scores)
    else:
        shares = np.full((len(table), len(labels)), np.nan)
        answers = np.full(len(table), None, object)
        if outputs_NxC is not None:
            exponent = outputs_NxC.astype(np.float64)
            exponent = np.exp(exponent - exponent.max(axis=1, keepdims=True))
            shares[list(given)] = exponent / exponent.sum(axis=1, keepdims=True)
            answers[list(given)] = np.array(labels, object)[outputs_NxC.argmax(axis=1)]
        answer = column("label", answers)
        for k, name in enumerate(labels):
            probabilities[name] = column(f"probability_{name}", shares[:, k])
    series = {name: pd.Series(x, table.index, x.dtype) for name, x in new.items()}
    whole = pd.concat([table, pd.DataFrame(series)], axis=1)
    return Prediction(whole, answer, probabilities, tuple(notes))


def _free(name: str, taken: set[str]) -> str:
    """Returns a name that no column has: as it is, as "predicted_...", or with a number."""
    candidates = [name, f"predicted_{name}"]
    found = next((c for c in candidates if c not in taken), None)
    number = 2
    while found is None:
        found = f"predicted_{name}_{number}"
        found, number = (None if found in taken else found), number + 1
    return found
