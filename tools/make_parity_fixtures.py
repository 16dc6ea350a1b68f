"""Writes what PyTorch's transformers compute for the parity cases to tests/parity/fixtures/*.npz.

Run it where torch and transformers are installed, after changing
tests/parity/parity_cases.py or t5_cases.py:

    python tools/make_parity_fixtures.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

_PARITY = Path(__file__).resolve().parent.parent / "tests" / "parity"
sys.path.insert(0, str(_PARITY))

from parity_cases import CASES  # noqa: E402 - found through the line above
from parity_torch import reference  # noqa: E402
from t5_cases import CASES as T5_CASES  # noqa: E402
from t5_torch import reference as t5_reference  # noqa: E402


def main() -> None:
    """Writes one file for each case."""
    for cases, refer in ((CASES, reference), (T5_CASES, t5_reference)):
        for seed, case in enumerate(cases):
            path = _PARITY / "fixtures" / f"{case.name}.npz"
            np.savez_compressed(path, **refer(case, seed))
            print(f"{path}  {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
