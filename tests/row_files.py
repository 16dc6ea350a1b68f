"""Writes rows in every format that is read."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Writes rows in the format of the path's suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    name = path.name.lower()
    if name.endswith(".parquet"):
        pd.DataFrame(rows).to_parquet(path)
        return path
    if ".csv" in name or ".tsv" in name:
        buffer = io.StringIO(newline="")
        separator = "\t" if ".tsv" in name else ","
        writer = csv.DictWriter(buffer, list(rows[0]), delimiter=separator)
        writer.writeheader()
        writer.writerows(rows)
        content = buffer.getvalue()
    elif ".jsonl" in name or ".ndjson" in name:
        content = "".join(json.dumps(row) + "\n" for row in rows)
    else:
        content = json.dumps(rows, indent=1)
    data = content.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path
