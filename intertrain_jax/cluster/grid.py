"""A grid on many workers: what they say goes into the books, what the books say goes to them.

This process alone writes the results directory. It computes nothing.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import jax

from intertrain_jax.base import IntertrainError, content_hash
from intertrain_jax.cluster.driver import Driver, Given, Rules
from intertrain_jax.cluster.mail import Assignment, Ended, Hello, Report, Saved
from intertrain_jax.cluster.pool import Pool, Reference, WorkerDiedError
from intertrain_jax.cluster.progress import Sum
from intertrain_jax.cluster.seats import Seat, Seats
from intertrain_jax.cluster.setup import efforts_of, kinds_of, setup_of
from intertrain_jax.engine.books import Books
from intertrain_jax.engine.checkpoint import HOST_CACHE_BYTES, WeightsLostError
from intertrain_jax.engine.recording import GridProgress
from intertrain_jax.engine.tasks import objective_of
from intertrain_jax.planning.plan import Run
from intertrain_jax.planning.work import Emit, GridWork, ref_of
from intertrain_jax.records.results import RunResult

_LISTEN_SECONDS = 0.2
# Between looks at who has been silent.
_SILENCE_SECONDS = 1.0
# A worker that never comes is waited for that long, where there is no other.
_START_SECONDS = 900.0

Watch = Callable[[GridProgress], None]


def run_on_workers(work: GridWork, emit: Emit, watch: Watch, pool: Pool) -> GridProgress:
    """Does every run of a plan that is not done, on workers; see `engine.loop.run_grid`."""
    grid = ClusterGrid(work, emit, watch, pool)
    whole = False
    try:
        progress = grid.run()
        whole = True
        return progress
    finally:
        grid.close(whole)
        work.bases.close()


class ClusterGrid:
    """One call of `run_on_workers`; see there for the arguments."""

    def __init__(self, work: GridWork, emit: Emit, watch: Watch, pool: Pool) -> None:
        self._work, self._emit, self._watch, self._pool = work, emit, watch, pool
        protocol = work.plan.runs[0].protocol
        self._objective = objective_of(work.bases.pretrained.config, work.tasks, protocol)
        self._kinds = kinds_of(work)
        self._seats = Seats(pool, pool.put(setup_of(work, self._kinds, pool.count)))
        self._books: Books | None = None
        self._driver: Driver | None = None
        # Source models that workers can get, the last used at the end, and their sizes.
        self._sent: OrderedDict[str, tuple[Reference, int]] = OrderedDict()
        # Of runs that were begun more than once: the first result.
        self._results: dict[str, RunResult | str] = {}
        self._began = self._looked = time.monotonic()
        self._sum = Sum()

    def run(self) -> GridProgress:
        """Listens until no run is left.

        Raises:
            IntertrainError: no worker can start, or a worker refuses the grid.
        """
        self._seats.open()
        try:
            while self._driver is None or not self._driver.finished:
                self._listen()
                self._look_for_silence()
                self._hand_out()
                self._write(due=True)
                self._watch(self._progress)
        except KeyboardInterrupt:
            self._save_in_flight()
            raise
        self._write(due=False)
        assert self._books is not None
        self._books.close()
        self._watch(self._progress)
        return self._progress

    def close(self, whole: bool) -> None:
        """Lets the workers go; those that have done all there was are of use to another grid."""
        self._seats.close(whole)

    # What comes in.

    def _listen(self) -> None:
        for seat, reference in self._seats.answered(_LISTEN_SECONDS):
            try:
                said = self._pool.get(reference)
            except WorkerDiedError as error:
                if seat in self._seats.seats:
                    self._lose(seat, str(error))
                continue
            if isinstance(said, Hello):
                self._welcome(seat, said)
            else:
                self._take(seat, said)

    def _welcome(self, seat: Seat, hello: Hello) -> None:
        seat.asked, seat.hello = None, hello
        if self._driver is None:
            efforts = efforts_of(self._work, self._kinds, hello)
            self._books = Books(self._work, self._emit, efforts)
            self._books.open()
            options = self._work.options
            limits = (60.0 * options.silent_minutes, 60.0 * options.stuck_minutes)
            rules = Rules(silent_seconds=limits[0], stuck_seconds=limits[1])
            self._driver = Driver(self._books.queue, rules)
            self._sum.total = self._books.to_record
        self._driver.join(seat.name, hello.lanes, self._now, hello.fused)

    def _take(self, seat: Seat, report: Report) -> None:
        """Takes in a report, if only of a worker that was given up."""
        assert self._driver is not None
        for news in report.news:
            if isinstance(news, Ended):
                self._end(seat, news)
            elif isinstance(news, Saved):
                self._save(seat, news)
            else:
                self._repeat_source(seat.name, self._driver.queue.runs[news.run], news.reason)
        if seat not in self._seats.seats:
            return
        seat.asked, seat.report = None, report
        self._driver.beat(seat.name, report.turns, self._now)
        if report.refused:
            raise IntertrainError(str(report.error))
        if report.error is not None:
            self._lose(seat, report.error)
        elif report.closed:
            self._driver.left(seat.name, self._now)
            self._retire(seat, "it was told to end")

    def _end(self, seat: Seat, ended: Ended) -> None:
        """Enters that a run ended; its record is written once its weights are safe."""
        assert self._driver is not None and self._books is not None
        run = self._driver.queue.runs[ended.run]
        verdict = self._driver.ended(seat.name, run.id, _digest(ended), ended.reason, self._now)
        if verdict == "same":
            return
        if verdict == "different":
            self._contradict(run, seat, ended)
            return
        seat.ended += 1
        if ended.result is not None:
            seat.tokens += ended.result.tokens
            self._sum.stopped(ended.result.tokens, self._driver.queue.effort(run).tokens)
            if ended.weights is not None:
                self._books.write(self._driver.sources_in_use, wait=False)
                self._books.keep(run, ended.weights, ended.result)
        if self._driver.attempts(run.id) > 1:
            self._results[run.id] = ended.result or str(ended.reason)
        self._record(run, ended.result, ended.reason)

    def _contradict(self, run: Run, seat: Seat, ended: Ended) -> None:
        """Notes in a run's record that it came out otherwise when it was done twice."""
        assert self._books is not None
        first = self._results.get(run.id)
        if not isinstance(first, RunResult) or ended.result is None or not self._exact(seat):
            return
        said = (
            f"done twice, it gave test {first.test} and validation {first.validation} after"
            f" {first.steps} steps, then test {ended.result.test} and validation"
            f" {ended.result.validation} after {ended.result.steps} steps"
        )
        self._results[run.id] = replace(first, contradicted=said)
        self._books.record(run, replace(first, contradicted=said), None)

    def _exact(self, seat: Seat) -> bool:
        """Whether a run gives the same bits each time where a worker is."""
        environment = seat.hello.place.environment if seat.hello is not None else {}
        return environment.get("deterministic") != "false"

    def _save(self, seat: Seat, saved: Saved) -> None:
        assert self._driver is not None and self._books is not None
        if any(run.id == saved.run for run in self._driver.on_board(seat.name)):
            self._books.weights.save_lane(saved.run, saved.step, saved.state, saved.host)
            self._driver.saved(saved.run, saved.step)

    def _lose(self, seat: Seat, why: str) -> None:
        """Enters that a worker died, and seats another one."""
        if self._driver is not None:
            for run, reason in self._driver.died(seat.name, why, self._now):
                self._results[run.id] = reason
                self._record(run, None, reason)
        self._retire(seat, why)

    def _retire(self, seat: Seat, why: str) -> None:
        self._sum.gone(seat)
        self._seats.replace(seat, why)

    def _look_for_silence(self) -> None:
        now = self._now
        if now - self._looked < _SILENCE_SECONDS:
            return
        self._looked = now
        if self._driver is None:
            if now - self._began > _START_SECONDS:
                raise IntertrainError(
                    f"a worker must be there after {_START_SECONDS / 60:.0f} minutes, but none is: the"
                    " cluster has no room for one. See `ray status`."
                )
            return
        options, seats = self._work.options, {seat.name: seat for seat in self._seats.seats}
        for name in self._driver.silent(now):
            self._lose(seats.pop(name), f"it gave no answer for {options.silent_minutes:g} minutes")
        for name in self._driver.stuck(now):
            self._lose(seats[name], f"it took no step for {options.stuck_minutes:g} minutes")

    # What goes out.

    def _hand_out(self) -> None:
        """Gives runs to workers, and asks all of whom nothing is awaited."""
        if self._driver is None or self._books is None:
            return
        seats = {seat.name: seat for seat in self._seats.seats}
        for given in self._driver.give(self._now):
            try:
                seats[given.worker].mail.append(self._assignment(given))
            except WeightsLostError as error:
                self._repeat_source(given.worker, given.run, str(error))
        for run, why in self._driver.queue.take_orphans():
            reason = f"Its source run {run.depends_on} ({run.base.label}) failed: {why}"
            self._driver.queue.close(run, reason)
            self._record(run, None, reason)
        for seat in self._seats.seats:
            if seat.asked is None:
                self._driver.asked(seat.name, self._now)
                self._seats.ask(seat, len(self._driver.on_board(seat.name)))

    def _assignment(self, given: Given) -> Assignment:
        """Returns a run with all that its worker needs.

        Raises:
            WeightsLostError: its source model cannot be used.
        """
        assert self._books is not None
        run, books = given.run, self._books
        lane = None
        try:
            shapes = self._objective.parameter_shapes()
            like = dict.fromkeys(("params", "mean", "square", "best"), shapes)
            saved = books.weights.load_lane(run.id, like)
            lane = None if saved is None else self._pool.put(saved)
        except WeightsLostError:
            books.weights.forget_lane(run.id)
            self._sum.damaged += 1
        base: Any = self._work.bases.look(ref_of(run))
        tested, wanted = books.is_tested(run), books.wants_weights(run)
        return Assignment(run, base, tested, wanted, self._source(run), lane)

    def _source(self, run: Run) -> Reference | None:
        """Returns the reference of the model that a run starts from, if it is sent."""
        source, books = run.depends_on, self._books
        if source is None or books is None:
            return None
        if self._work.options.weights == "shared":
            books.weights.settle(source)
            return None
        if source not in self._sent:
            task = run.base.source_task
            classes = next(
                t.num_classes for (_, name), t in self._work.tasks.items() if name == task
            )
            params = books.weights.load_source(source, self._objective.saved_shapes(classes))
            size = sum(x.nbytes for x in jax.tree.leaves(params))
            self._sent[source] = self._pool.put(params), size
            while len(self._sent) > 1 and sum(n for _, n in self._sent.values()) > HOST_CACHE_BYTES:
                self._sent.popitem(last=False)
        self._sent.move_to_end(source)
        return self._sent[source][0]

    def _repeat_source(self, worker: str, run: Run, why: str) -> None:
        """Lets a run wait until the model that it starts from has been made again."""
        assert self._driver is not None and self._books is not None and run.depends_on is not None
        self._sent.pop(run.depends_on, None)
        self._books.weights.forget_source(run.depends_on)
        self._sum.damaged += 1
        if not self._driver.source_lost(worker, run):
            reason = f"It could not start: its source's model is damaged again: {why}"
            self._record(run, None, reason)

    def _record(self, run: Run, result: RunResult | None, reason: str | None) -> None:
        assert self._books is not None
        if self._books.record(run, result, reason):
            self._sum.ended(failed=result is None)

    def _write(self, due: bool) -> None:
        """Writes records, and lets go of the source models that nobody needs any more."""
        if self._books is None or self._driver is None or (due and not self._books.due):
            return
        in_use = self._driver.sources_in_use
        self._books.write(in_use, wait=not due)
        for source in [s for s in self._sent if s not in in_use]:
            if not self._driver.queue.dependants(source):
                del self._sent[source]

    def _save_in_flight(self) -> None:
        """Has all workers hand over their runs."""
        if self._driver is None or self._books is None:
            return
        while any(self._driver.on_board(seat.name) for seat in self._seats.seats):
            for seat, reference in self._seats.answered(_LISTEN_SECONDS):
                try:
                    said = self._pool.get(reference)
                except WorkerDiedError:
                    said = None
                if isinstance(said, Report):
                    for news in said.news:
                        if isinstance(news, Ended):
                            self._end(seat, news)
                        elif isinstance(news, Saved):
                            self._save(seat, news)
                if said is None or (isinstance(said, Report) and said.closed):
                    self._driver.left(seat.name, self._now)
                elif seat.hello is not None:
                    seat.mail.clear()
                    self._driver.asked(seat.name, self._now)
                    self._seats.ask(seat, 0, leave=True)
            for name in self._driver.silent(self._now):
                self._driver.left(name, self._now)
        self._write(due=False)
        self._books.close()

    @property
    def _now(self) -> float:
        return time.monotonic()

    @property
    def _progress(self) -> GridProgress:
        """What all workers have done so far."""
        return self._sum.progress(self._seats.seats, self._driver, self._now - self._began)


def _digest(ended: Ended) -> str:
    """Returns what is the same where a run is done twice and all is well: all but the time it took."""
    if ended.result is None:
        return str(ended.reason)
    return content_hash(asdict(ended.result.outcome))
