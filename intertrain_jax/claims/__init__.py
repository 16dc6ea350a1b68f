"""The paper's claims as rules: what records show of each, the contrary, or cannot tell."""

from intertrain_jax.claims.claim import Verdict
from intertrain_jax.claims.table import judge

__all__ = ["Verdict", "judge"]
