"""One worker: a device, the same engine as in one process, and a mailbox that feeds it."""

from __future__ import annotations

import os
import platform
import signal
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from intertrain_jax.base import IntertrainError, reason_of
from intertrain_jax.cluster.mail import Hello, Mail, Place, Probing, Ranking, Report, Setup
from intertrain_jax.cluster.mailbox import LeavingError, Mailbox
from intertrain_jax.config.experiment import EngineConfig
from intertrain_jax.config.ranking import RankConfig
from intertrain_jax.config.refs import ModelRef
from intertrain_jax.data.encoded import EncodedSplit, EncodedTask, TaskKey
from intertrain_jax.engine.held import BaseModel, HeldModels
from intertrain_jax.models.hf.weights import Checkpoint
from intertrain_jax.planning.plan import Plan
from intertrain_jax.planning.work import GridWork
from intertrain_jax.probe.ranker import Outcome, RankProgress

# Seconds in which a loop that has ended lets its thread go.
_JOIN_SECONDS = 10.0


class Worker:
    """What runs in a process of its own. Its methods are called one after another.

    Args:
        threads: of the CPU that it may use, as other workers share it; None for a worker with an
            accelerator.
        fetch: gets what a reference stands for.
    """

    def __init__(self, threads: int | None, fetch: Callable[[Any], Any]) -> None:
        if threads is not None:
            # XLA looks here for the size of its thread pool, when its backend starts.
            os.environ["NPROC"] = str(threads)
        from intertrain_jax.engine.environment import prepare_process
        from intertrain_jax.engine.lanes import Programs

        prepare_process()
        self._fetch, self._programs = fetch, Programs()
        self._mailbox: Mailbox | None = None
        self._thread: threading.Thread | None = None
        self._left = False
        self._ranking: RankConfig | None = None
        self._ranker: Any = None
        self._prober = ThreadPoolExecutor(1, "probe")
        self._probed: Future[tuple[Outcome, ...]]
        with suppress(ValueError):  # not a process's main thread, as in a test
            signal.signal(signal.SIGTERM, self._told_to_end)

    def place(self, options: EngineConfig | None) -> Place:
        """Returns where this is.

        Args:
            options: of a grid; None for a ranking.
        """
        from intertrain_jax.engine.environment import environment, resolve_precision

        found = environment(options)
        return Place(platform.node(), os.getpid(), found, resolve_precision("auto"))

    def begin(self, setup: Setup) -> Hello:
        """Makes ready for a grid.

        Raises:
            IntertrainError: an option does not fit.
        """
        from intertrain_jax.engine.checkpoint import Checkpoints
        from intertrain_jax.engine.loop import GridLoop

        self._join()
        bases, plan = WorkerBases(setup), setup.plan
        shared = None if setup.shared is None else Checkpoints(Path(setup.shared))
        work = GridWork(plan, frozenset(), bases, setup.tasks, setup.options, Path())
        made: list[Mailbox] = []

        def feed(tasks: Any) -> Mailbox:
            made.append(Mailbox(tasks.effort_of, setup.runs, self._fetch, shared))
            return made[0]

        loop = GridLoop(work, feed, lambda progress: made[0].watch(progress), self._programs)
        self._mailbox, self._bases = made[0], bases
        if self._left:
            self._mailbox.leave()
        counts = loop.lane_counts(setup.runs)
        self._thread = threading.Thread(
            target=partial(self._work, loop, made[0], setup.options), name="loop", daemon=True
        )
        self._thread.start()
        efforts = {run.id: loop.tasks.effort_of(run) for run in plan.runs}
        return Hello(self.place(setup.options), counts.lanes, counts.fused, efforts)

    def exchange(self, mail: Mail, seconds: float) -> Report:
        """Takes what the driver says, and returns what there is to say, after so long at the latest."""
        assert self._mailbox is not None
        self._bases.know(one.base for one in mail.runs)
        self._mailbox.put(mail)
        return self._mailbox.report(seconds)

    def probe(self, ranking: Ranking, refs: Sequence[ModelRef]) -> Probing:
        """Begins to probe models.

        Args:
            ranking: what they have in common.
            refs: of the models, whose heads are trained together where they may be.
        """
        if self._ranker is not None:
            self._ranker.progress = RankProgress()
        self._probed = self._prober.submit(self._probe, ranking, refs)
        return Probing()

    def probed(self, seconds: float) -> Probing:
        """Returns what there is to say of these models once they are done, or after so many seconds.

        Raises:
            Exception: whatever ended it.
        """
        wait([self._probed], seconds)
        outcomes = self._probed.result() if self._probed.done() else None
        if self._ranker is None:
            return Probing()
        return Probing(self._ranker.calls, self._ranker.progress, outcomes)

    def _probe(self, ranking: Ranking, refs: Sequence[ModelRef]) -> tuple[Outcome, ...]:
        from intertrain_jax.engine.environment import lane_mesh
        from intertrain_jax.probe.ranker import prepare

        if self._ranking != ranking.config:
            self._ranking = ranking.config
            self._ranker = prepare(
                ranking.config,
                ranking.protocol,
                ranking.data,
                lane_mesh(1),
                None if ranking.downloads is None else Path(ranking.downloads),
                ranking.architectures,
                ranking.shape,
            )
        outcomes: list[Outcome] = []
        self._ranker.run(refs, outcomes.extend, lambda progress: None)
        return tuple(map(light, outcomes))

    def _work(self, loop: Any, mailbox: Mailbox, options: EngineConfig) -> None:
        from intertrain_jax.train.arena import deterministic_programs

        try:
            mailbox.wait_for_mail()
            with deterministic_programs(options.deterministic is True):
                loop.run()
        except LeavingError:
            mailbox.end(None, False)
        except IntertrainError as error:
            mailbox.end(str(error), True)
        except Exception as error:  # whatever it is, its runs are tried elsewhere
            mailbox.end(reason_of(error, "its engine stopped"), False)
        else:
            mailbox.end(None, False)
        finally:
            self._programs.stop()
            self._bases.close()

    def _told_to_end(self, number: int, frame: Any) -> None:
        self._left = True
        if self._mailbox is not None:
            self._mailbox.leave()

    def _join(self) -> None:
        """Ends the loop of an earlier grid, which has no runs any more."""
        if self._thread is not None and self._mailbox is not None:
            self._mailbox.put(Mail(last=True))
            self._thread.join(_JOIN_SECONDS)


class WorkerBases:
    """The base models of the runs that a worker got; it reads the weights of those that it needs.

    Args:
        setup: says which the first ones are.
    """

    def __init__(self, setup: Setup) -> None:
        self.pretrained = setup.bases[0]
        self._known = {base.ref: base for base in setup.bases}
        self._held = HeldModels(setup.texts)

    def know(self, bases: Iterable[BaseModel]) -> None:
        """Takes what the driver has found of base models."""
        self._known.update({base.ref: base for base in bases})

    def look(self, ref: ModelRef) -> BaseModel:
        """Returns what is known of a base model."""
        return self._known[ref]

    def load(self, ref: ModelRef) -> Checkpoint:
        """Returns a base model's weights.

        Raises:
            IntertrainError: they cannot be had here.
        """
        return self._held.load(self._known[ref], self.pretrained.config.vocab_size)

    def expect(self, refs: Iterable[ModelRef]) -> None:
        """Begins to load base models that will be asked for next."""
        models = (self._known[ref] for ref in refs)
        self._held.expect(models, self.pretrained.config.vocab_size)

    def tasks(self, plan: Plan) -> dict[TaskKey, EncodedTask]:
        """Is the driver's to know."""
        raise NotImplementedError

    def close(self) -> None:
        """Lets all weights go."""
        self._held.close()


def light(outcome: Outcome) -> Outcome:
    """Returns an outcome without tokens and weights: a record is made of the rest."""
    loaded = outcome.loaded
    if loaded is None:
        return outcome
    packed = loaded.task
    empty = np.zeros(0, np.int64)

    def counted(split: EncodedSplit) -> EncodedSplit:
        return EncodedSplit(empty, empty, empty.astype(np.int32), np.asarray(split.labels))

    encoded = packed.encoded
    encoded = replace(
        encoded,
        train=counted(encoded.train),
        validation=counted(encoded.validation),
        test=counted(encoded.test),
    )
    task = replace(packed, encoded=encoded, tokens=None, chunks=(), labels={})
    checkpoint = replace(loaded.checkpoint, params={}, head=None)
    return replace(outcome, loaded=replace(loaded, task=task, checkpoint=checkpoint))
