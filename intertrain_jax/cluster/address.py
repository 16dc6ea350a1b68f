"""What `--workers` says: how many there are to be, and of which cluster."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec

from intertrain_jax.base import IntertrainError

# What is above this is a slip of the hand.
_MOST = 4_096
_ADDRESS = re.compile(r"(ray://)?[A-Za-z0-9_.\-\[\]:]+:[0-9]{1,5}")


@dataclass(frozen=True)
class Wanted:
    """The workers that were asked for.

    Attributes:
        count: of them; None is one for every device.
        address: of the Ray cluster; None is that of $RAY_ADDRESS, or else this machine alone.
    """

    count: int | None
    address: str | None = None


def wanted(workers: int | str) -> Wanted | None:
    """Returns the workers that were asked for; None for this process alone.

    Raises:
        IntertrainError: it is no number, address or "auto"; or what starts workers is not installed.
    """
    text = str(workers).strip()
    if re.fullmatch(r"[0-9]{1,9}", text) and 1 <= int(text) <= _MOST:
        if int(text) == 1:
            return None
        found = Wanted(int(text))
    elif text == "auto":
        found = Wanted(None)
    elif _ADDRESS.fullmatch(text):
        found = Wanted(None, text)
    else:
        raise IntertrainError(
            f"workers must be a number from 1 to {_MOST:,}, 'auto', or the address of a Ray cluster,"
            f" HOST:PORT or ray://HOST:PORT, got {text[:100]!r}. Correct it."
        )
    if find_spec("ray") is None:
        raise IntertrainError(
            f"workers {text!r} need the package ray, which is not installed. Do:"
            " pip install 'intertrain-jax[ray]'"
        )
    return found
