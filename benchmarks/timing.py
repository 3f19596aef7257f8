"""The measurement: one contestant a process, checked, then timed in turn (A B C A B C ...). It measures and never prints.

A turn is some calls in a row; its sample is the median call. Between turns the worker waits until its threads sleep. The
rounds end when every median has settled. ``naive`` has a budget for each layer: it is not started where it would not fit.

A turn before or after which the cores are apart (``distance``: twice as far as at the nearest in this run) is taken again; what
it took is kept beside the samples. ``naive`` has one core, and all its turns count.
"""

import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.budget import Cost, calibrate
from benchmarks.contestants import ALGORITHMS
from benchmarks.distance import APART
from benchmarks.judge import error_over_bound
from benchmarks.layers import Layer
from benchmarks.process import PATIENCE, OverdueError, Process, WorkerError
from benchmarks.results import Entry, LayerResult
from benchmarks.stats import settled

LOOKS = 20  # at the cores' distance, while the machine's peak is measured
SLOW, SLOW_ROUNDS = "naive", 3  # the contestant with a budget, and the most rounds that it takes part in
KEPT = "torch"  # has one process for all layers, for its import takes seconds; the others have one for each layer


@dataclass(frozen=True)
class Settings:
    """How a run measures; times in seconds."""

    dtype: str = "float32"
    seed: int = 0
    budget: float = 3.0  # for naive on one layer: the check and at least one timed call
    turn: float = 0.03  # the least that a contestant is timed in one turn
    least: int = 5  # rounds
    most: int = 25
    layer: float = 6.0  # no new round begins after this
    apart: float = 180.0  # for turns that are taken again, in the whole run; after this all turns count
    standard_error: float = 0.02  # of the median, at which it has settled
    product: int = 2048  # size of the matrix product that measures the peak
    copied: int = 2**26  # bytes of the copy that measures the bandwidth: more than caches hold


QUICK: dict[str, Any] = {"budget": 2.0, "turn": 0.01, "least": 3, "most": 5, "layer": 0.5, "apart": 1.0, "product": 1024}


class Race:
    """The processes of a run. A context manager: they end with it."""

    def __init__(self, contestants: Iterable[str], settings: Settings, start: Callable[[], Process] = Process) -> None:
        self.contestants, self.settings, self.start = list(contestants), settings, start
        self.folder = tempfile.TemporaryDirectory(prefix="benchmarks-")
        self.running: list[Process] = []
        self.costs: dict[str, Cost] = {}
        self.judge, self.scout = self._new(), self._new()
        self.kept: Process | None = None
        self.nearest: float | None = None  # the shortest round trip so far, in seconds
        self.again = settings.apart  # seconds that are left for turns that are taken again

    def __enter__(self) -> "Race":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.running:
            process.close()
        self.folder.cleanup()

    def machine(self) -> tuple[dict[str, float], dict[str, float], dict[str, Any]]:
        """Return the peaks of each library's matrix product and copy, alone in its process, and the libraries' descriptions."""
        peaks, rates, libraries, size, dtype = {}, {}, {}, self.settings.product, self.settings.dtype
        numpy = self._new()
        for library, process in (("numpy", numpy), ("torch", self.judge)):
            answer = process.ask(do="peak", library=library, size=size, dtype=dtype, seconds=30 * self.settings.turn)
            peaks[library] = answer["flops"]
            rates[library] = process.ask(
                do="bandwidth", library=library, nbytes=self.settings.copied, seconds=10 * self.settings.turn
            )["bandwidth"]
            libraries[library] = process.ask(do="describe", library=library)
            for _ in range(LOOKS):
                self._apart()
        self._end(numpy)
        return peaks, rates, libraries

    def calibrate(self, operations: Iterable[str]) -> None:
        """Work out what naive takes, if it is in the race."""
        if SLOW in self.contestants:
            process = self._new()
            self.costs = calibrate(process, SLOW, operations, self.settings.dtype)
            self._end(process)

    def run(self, layer: Layer, tell: Callable[[str], None] = lambda _: None) -> LayerResult:
        """Check every contestant on the layer, then time those that are right."""
        entries = {SLOW: Entry("not run", self._over())} if self._too_slow(layer) else {}
        workers = self._start(layer, [name for name in self.contestants if name not in entries])
        try:
            tell(f"{layer.title}: the judge")
            verdict = Path(self.folder.name, "verdict.npz")
            self.judge.ask(do="judge", file=str(verdict), **self._asked(layer))
            ready = self._ready(workers, entries)
            left = {}
            for name, (error_class, algorithm) in ready.items():
                tell(f"{layer.title}: checks {name}")
                entries[name], left[name] = self._check(name, workers[name], verdict, error_class)
                entries[name].algorithm = algorithm
            tell(f"{layer.title}: times")
            near = self._time(workers, entries, left)
        finally:
            for name, worker in workers.items():
                if name != KEPT or not worker.alive:
                    self._end(worker)
        return LayerResult(layer, {name: entries[name] for name in self.contestants}, near)

    def _new(self) -> Process:
        """Start a process, to be ended with the race at the latest."""
        process = self.start()
        self.running.append(process)
        return process

    def _end(self, process: Process) -> None:
        """End a process before the race does."""
        process.close()
        self.running.remove(process)
        self.kept = None if process is self.kept else self.kept

    def _too_slow(self, layer: Layer) -> bool:
        """Return whether naive's check and one timed call would not fit in its budget."""
        cost = self.costs.get(layer.operation)
        return cost is not None and 2 * cost.of(layer) > self.settings.budget

    def _asked(self, layer: Layer) -> dict[str, Any]:
        """Return what a worker has to know of a layer to make the same inputs as all others."""
        return {"layer": asdict(layer), "dtype": self.settings.dtype, "seed": self.settings.seed}

    def _start(self, layer: Layer, names: list[str]) -> dict[str, Process]:
        """Have the contestants prepare themselves, all at once, each in its process."""
        workers = {}
        for name in names:
            worker = workers[name] = self.kept if name == KEPT and self.kept else self._new()
            self.kept = worker if name == KEPT else self.kept
            worker.send(do="start", contestant=name, **self._asked(layer))
        return workers

    def _ready(self, workers: dict[str, Process], entries: dict[str, Entry]) -> dict[str, tuple[str, str]]:
        """Wait until all are prepared; return those that provide the operation, each with its error class and algorithm."""
        ready = {}
        for name, worker in workers.items():
            try:
                answer = worker.receive()
            except (OverdueError, WorkerError) as error:
                entries[name] = self._without_time(name, error)
            else:
                entries[name] = Entry("not provided")
                if answer["provided"]:
                    ready[name] = answer["error_class"], answer["algorithm"]
        return ready

    def _check(self, name: str, worker: Process, verdict: Path, error_class: str) -> tuple[Entry, float]:
        """Return what the judge says of the contestant's result ("timed" if it is right), and the seconds that it has left."""
        file, library = Path(self.folder.name, "result.npz"), "torch" if name == "torch" else "numpy"
        budget = self.settings.budget if name == SLOW or name in ALGORITHMS else PATIENCE  # some are no good for some layers
        begun = time.monotonic()
        try:
            answer = worker.ask(budget, do="check", file=str(file), dtype=self.settings.dtype, library=library)
        except (OverdueError, WorkerError) as error:
            return self._without_time(name, error), 0.0
        if not answer["provided"]:
            return Entry("not provided", answer["reason"]), 0.0
        left = budget - (time.monotonic() - begun)
        with np.load(file) as results, np.load(verdict) as right:
            ratio, wrong = error_over_bound(list(results.values()), list(right.values()), self.settings.dtype, error_class)
        return Entry("wrong" if wrong else "timed", wrong, ratio, error_class, answer["scratch"]), left

    def _time(self, workers: dict[str, Process], entries: dict[str, Entry], left: dict[str, float]) -> bool:
        """Time in turn until every median has settled, the rounds are up or the layer's time is.

        Return whether the cores were near: if they were apart for too long, all turns count.
        """
        end, s, before = time.monotonic() + self.settings.layer, self.settings, self.again
        for done in range(s.most):
            racing = [name for name in workers if entries[name].status == "timed"]
            fast = [entries[name].samples for name in racing if name != SLOW]
            over = time.monotonic() > end + before - self.again
            if done >= s.least and (over or all(settled(samples, s.standard_error) for samples in fast)):
                break
            for name in racing:
                samples = entries[name].samples
                if name != SLOW:
                    entries[name] = self._turn_when_near(name, workers[name], entries[name])
                elif not samples or (done < SLOW_ROUNDS and max(samples) < left[name]):
                    begun = time.monotonic()
                    entries[name] = self._turn(name, workers[name], entries[name], left[name])
                    left[name] -= time.monotonic() - begun
        if self.again > 0:
            return True
        for entry in entries.values():
            entry.samples, entry.apart = entry.samples + entry.apart, []
        return False

    def _turn_when_near(self, name: str, worker: Process, entry: Entry) -> Entry:
        """Time a turn, again while the cores are apart and there is time for that."""
        while self.again > 0:
            begun, before = time.monotonic(), self._apart()
            entry = self._turn(name, worker, entry, PATIENCE)
            if entry.status != "timed" or not (before or self._apart()):
                return entry
            entry.apart.append(entry.samples.pop())
            self.again -= time.monotonic() - begun
        return self._turn(name, worker, entry, PATIENCE)

    def _apart(self) -> bool:
        """Return whether the cores are further apart at the moment than they have been; not where that cannot be told."""
        trip = self.scout.ask(do="round_trip")["seconds"]
        if trip is None:
            return False
        self.nearest = min(trip, self.nearest or trip)
        return bool(trip > APART * self.nearest)

    def _turn(self, name: str, worker: Process, entry: Entry, deadline: float) -> Entry:
        """Time one turn and return the entry with its median added to the samples."""
        warm = entry.samples[-1] < self.settings.turn if entry.samples else name != SLOW  # a long call warms itself
        try:
            times = worker.ask(max(deadline, 0.0), do="time", seconds=self.settings.turn, warm=warm)["times"]
        except (OverdueError, WorkerError) as error:
            return self._without_time(name, error)
        entry.samples.append(median(times))
        return entry

    def _without_time(self, name: str, error: Exception) -> Entry:
        """Return the entry of a contestant that did not answer in time, or answered with an error."""
        if isinstance(error, OverdueError):
            return Entry("not run", self._over() if name == SLOW or name in ALGORITHMS else str(error))
        return Entry("failed", str(error))

    def _over(self) -> str:
        """Return why naive did not run."""
        return f"over the budget of {self.settings.budget:g} s"
