"""The books of a grid: which runs wait, which are ready, and what became of the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from intertrain_jax.planning.plan import Run


class Books:
    """Keeps account of every run of a plan.

    Args:
        runs: all runs of the plan.
        done: ids of those that have a score.
        has_weights: whether the model of a done source run is at hand.
    """

    def __init__(
        self,
        runs: Iterable[Run],
        done: Iterable[str],
        has_weights: Callable[[str], bool],
    ) -> None:
        self.runs = {run.id: run for run in runs}
        self.done = set(done) & set(self.runs)
        self.failed: dict[str, str] = {}
        # Source runs that were done before and are repeated for their weights alone.
        self.silent: set[str] = set()
        waiting = [r for r in self.runs if r not in self.done]
        for r in list(waiting):
            source = self.runs[r].depends_on
            if source in self.done and not has_weights(source):
                self.done.discard(source)
                self.silent.add(source)
                waiting.append(source)
        self._waiting = dict.fromkeys(waiting)
        self._sources = {run.depends_on for run in self.runs.values()}
        self._waiting_for: dict[str, int] = {}
        for r in self._waiting:
            self._count(r, 1)

    def __len__(self) -> int:
        """Runs that wait to be started."""
        return len(self._waiting)

    @property
    def to_record(self) -> int:
        """Runs still waiting that will leave a record."""
        return sum(r not in self.silent for r in self._waiting)

    def dependants(self, run: str) -> int:
        """How many waiting runs need the model that this run makes."""
        return self._waiting_for.get(run, 0)

    def is_source(self, run: str) -> bool:
        """Whether any run of the plan, done or not, starts from the model that this run makes."""
        return run in self._sources

    def ready(self) -> list[Run]:
        """The waiting runs whose base model is there."""
        runs = (self.runs[r] for r in self._waiting)
        return [run for run in runs if run.depends_on is None or run.depends_on in self.done]

    def orphans(self) -> list[tuple[Run, str]]:
        """The waiting runs whose source run failed, each with why that failed."""
        runs = (self.runs[r] for r in self._waiting)
        return [(run, self.failed[run.depends_on]) for run in runs if run.depends_on in self.failed]

    def take(self, run: Run) -> None:
        """Takes a run out of those that wait."""
        del self._waiting[run.id]
        self._count(run.id, -1)

    def put_back(self, run: Run) -> None:
        """Lets a run that was taken wait again."""
        self._waiting[run.id] = None
        self._count(run.id, 1)

    def close(self, run: Run, failure: str | None) -> None:
        """Enters the outcome of a run."""
        if failure is None:
            self.done.add(run.id)
        else:
            self.failed[run.id] = failure

    def _count(self, run: str, change: int) -> None:
        source = self.runs[run].depends_on
        if source is not None:
            self._waiting_for[source] = self._waiting_for.get(source, 0) + change
