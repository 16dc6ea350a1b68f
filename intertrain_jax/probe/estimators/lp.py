"""The linear probe, the estimator that ranks: its score comes from trained heads, not from here."""

from __future__ import annotations

from intertrain_jax.probe.estimators.estimator import Estimator

ESTIMATOR = Estimator(
    name="lp",
    title="linear probe",
    definition="Test score of a classification head trained on the features.",
    source="Choshen et al. 2023, arXiv 2211.00107, §4.2",
    units="percent",
    compute=None,
)
