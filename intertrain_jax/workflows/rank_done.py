"""Which models of a ranking have records already, by ids that the content of their files decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from intertrain_jax.config.protocol import Protocol
from intertrain_jax.config.ranking import RankConfig
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.load import TaskData
from intertrain_jax.models.hf.references import files_hash
from intertrain_jax.records.probes import ProbeRecord, probe_id
from intertrain_jax.records.store import Store
from intertrain_jax.workflows.watch import Watcher

# Models whose files are hashed at once.
_HASHED = 3


class Ids:
    """The ids of records, which local models have by the content of their files.

    Args:
        data: of the task.
        protocol: of the probe, precision resolved.
    """

    def __init__(self, data: TaskData, protocol: Protocol) -> None:
        self.data, self.protocol = data, protocol
        self.files: dict[str, str | None] = {}

    def hash_files(self, refs: Sequence[ModelRef]) -> None:
        """Learns label → hash of the files of models, a few at a time; None for those not on disk."""
        with ThreadPoolExecutor(_HASHED) as pool:
            hashes = pool.map(files_hash, [ref.reference for ref in refs])
            self.files |= zip([ref.label for ref in refs], hashes, strict=True)

    def of(self, ref: ModelRef, files: str | None) -> str:
        """Returns the id of a model's record, of the hash of its files if they are on disk."""
        data = self.data
        return probe_id(ref, files, data.task.name, data.fingerprint, self.protocol)


def read_probes(
    store: Store[tuple[str, str], ProbeRecord], watcher: Watcher
) -> Mapping[tuple[str, str], ProbeRecord]:
    """Returns (label, id) → record, and reports files that are none."""
    found = store.read_all()
    for problem in found.problems:
        watcher.warn(f"{problem.path} is no record and does not count: {problem.reason}")
    return found.by_key


def matching(
    refs: Sequence[ModelRef], stored: Mapping[tuple[str, str], ProbeRecord], ids: Ids
) -> tuple[dict[str, ProbeRecord], dict[str, ProbeRecord]]:
    """Returns label → record of this ranking's models, and, of those without one, what was earlier.

    A model whose files are gone has another id than it had: what was measured of it, on the same data
    and by the same protocol, is still true.
    """
    asked = {ref.label: ids.of(ref, ids.files[ref.label]) for ref in refs if ref.label in ids.files}
    records = {key[0]: stored[key] for key in asked.items() if key in stored}
    earlier: dict[str, ProbeRecord] = {}
    for (label, _), record in stored.items():
        failed_now = label in asked and (label not in records or records[label].status == "failed")
        same = record.data.fingerprint == ids.data.fingerprint and record.protocol == ids.protocol
        if failed_now and same and record.status == "done":
            earlier[label] = max(earlier.get(label, record), record, key=lambda r: r.seeds)
    return records, {label: r for label, r in earlier.items() if ids.files[label] is None}


def is_done(record: ProbeRecord | None, config: RankConfig, retry_failed: bool) -> bool:
    """Whether nothing is left to do of a model, whose record or None is given."""
    if record is None or (retry_failed and record.status == "failed"):
        return False
    return record.covers(config.seeds, config.learning_rates, config.estimators)
