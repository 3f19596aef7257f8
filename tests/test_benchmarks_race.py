"""The benchmark's race, played by actors: turns, budgets, failures, and what is kept when it stops."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import budget, worker
from benchmarks import run as running
from benchmarks.layers import OPERATIONS, Layer, conv
from benchmarks.process import OverdueError, WorkerError
from benchmarks.results import Entry, LayerResult, load
from benchmarks.timing import Race, Settings

LOG: list[tuple[str, str]] = []  # whom the race asked for what


class Actor:
    """Plays a worker: answers by a script, and writes down who was asked for what."""

    def __init__(self) -> None:
        self.name, self.alive, self.script = "", True, SCRIPTS.get("", {})
        LOG.append(("", "new"))

    def send(self, **request: Any) -> None:
        """Note whom this process plays."""
        self.name = request["contestant"]
        self.script = SCRIPTS.get(self.name, {})

    def receive(self) -> dict[str, Any]:
        """Answer to "start"."""
        said = self.script.get("start", True)
        if isinstance(said, BaseException):
            raise said
        return {"provided": said, "error_class": "gamma", "algorithm": ""}

    def ask(self, _deadline: float = 0.0, *, do: str, **request: Any) -> dict[str, Any]:
        """Answer by the script: an exception is raised, a number is a time, an array is a result."""
        LOG.append((self.name, do))
        usual = {"judge": np.zeros(1), "check": np.zeros(1, np.float32), "time": 1e-3, "round_trip": None}
        said = self.script.get(do, usual.get(do))
        said = next(said) if isinstance(said, Iterator) else said
        if isinstance(said, BaseException):
            self.alive = not isinstance(said, OverdueError)
            raise said
        if do == "judge":
            np.savez(request["file"], np.zeros(1), np.ones(1), np.zeros(0))
        if do == "check":
            np.savez(request["file"], said)
        return {"provided": True, "scratch": 0, "times": [said], "seconds": said, "flops": 1.0, "bandwidth": 1.0}

    def close(self) -> None:
        """End."""
        self.alive = False


ACTOR: Any = Actor  # in the place of a Process
SCRIPTS: dict[str, dict[str, Any]] = {
    "absent": {"start": False},
    "unknown": {"start": WorkerError("ModuleNotFoundError: unknown")},
    "refusing": {"check": WorkerError("ValueError: no")},
    "wrong": {"check": np.full(1, 2, np.float32)},
    "overdue": {"check": OverdueError("no answer within 300 s")},
    "late": {"time": itertools.cycle([1e-3, WorkerError("the process ended with status -9")])},
    "noisy": {"time": itertools.cycle([1e-3, 9e-3])},
}
ONE = conv("Test: one", 1, 1, 1, 1)


def run_race(names: list[str], **settings: Any) -> tuple[LayerResult, list[tuple[str, str]]]:
    """Race actors on one tiny layer, and return the result and whom the race asked for what."""
    LOG.clear()
    with Race(names, Settings(**settings), start=ACTOR) as race:
        race.costs = {"conv2d": budget.Cost(window=1.0, tap=0.5)}
        result = race.run(ONE)
        assert [process for process in race.running if process not in (race.judge, race.scout, race.kept)] == []
    assert not any(process.alive for process in race.running)
    return result, LOG


def test_contestants_take_turns_and_stop_when_settled() -> None:
    result, log = run_race(["a", "b", "c"], least=3)
    assert [name for name, do in log if do == "time"] == ["a", "b", "c"] * 3
    assert [do for _, do in log if do in ("judge", "check", "time")][:4] == [
        "judge",
        "check",
        "check",
        "check",
    ]  # nothing unchecked
    assert result.entries["b"].samples == [1e-3] * 3
    result, _ = run_race(["a", "noisy"], least=3, most=7)
    assert len(result.entries["a"].samples) == len(result.entries["noisy"].samples) == 7
    result, _ = run_race(["noisy"], least=3, most=7, layer=0.0)
    assert len(result.entries["noisy"].samples) == 3


def test_turns_while_the_cores_are_apart_are_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    near = [0.1, 0.2]  # before a turn and after it
    trips = [*near, *near, *near, 0.21, *near, 0.1, 0.21, *near, *near]  # apart before b's second turn and after a's third
    monkeypatch.setitem(SCRIPTS, "", {"round_trip": iter(trips)})
    monkeypatch.setitem(SCRIPTS, "a", {"time": itertools.count(1.0)})
    monkeypatch.setitem(SCRIPTS, "b", {"time": itertools.count(1.0)})
    result, _ = run_race(["a", "b"], least=3, most=3)
    assert result.near
    a, b = result.entries["a"], result.entries["b"]
    assert (a.samples, a.apart, b.samples, b.apart) == ([1.0, 2.0, 4.0], [3.0], [1.0, 3.0, 4.0], [2.0])


def test_where_the_cores_stay_apart_all_turns_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCRIPTS, "", {"round_trip": itertools.chain([0.1], itertools.repeat(0.3))})
    result, log = run_race(["a", "naive"], least=3, most=3, apart=0.01)
    assert not result.near
    assert len(result.entries["a"].samples) == sum(asked == ("a", "time") for asked in log) > 3
    assert result.entries["a"].apart == []
    assert len(result.entries["naive"].samples) == 3  # it has one core


def test_what_is_not_right_is_not_timed() -> None:
    result, log = run_race(["absent", "unknown", "refusing", "wrong", "overdue", "late", "a"], least=3)
    assert {name: entry.status for name, entry in result.entries.items()} == {
        "absent": "not provided", "unknown": "failed", "refusing": "failed", "wrong": "wrong",
        "overdue": "not run", "late": "failed", "a": "timed",
    }  # fmt: skip
    assert result.entries["wrong"].error_over_bound == 2
    assert result.entries["late"].samples == []
    assert {name for name, do in log if do == "time"} == {"late", "a"}


def test_naive_is_not_started_over_its_budget() -> None:
    result, log = run_race(["naive", "a"], budget=2.9)  # one window of one tap: 1.5 s a call by its costs, and two calls needed
    assert result.entries["naive"] == Entry("not run", "over the budget of 2.9 s")
    assert "naive" not in {name for name, _ in log}
    assert sum(do == "new" for _, do in log) == 3  # the judge, the scout and a
    result, _ = run_race(["naive", "a"], budget=3.0, least=3)
    assert len(result.entries["naive"].samples) == 3


@pytest.mark.parametrize("step", ["check", "time"])
def test_naive_over_its_budget_is_ended(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCRIPTS, "naive", {step: OverdueError("no answer within 3 s")})
    result, _ = run_race(["naive", "a"], budget=3.0)
    assert result.entries["naive"] == Entry("not run", "over the budget of 3 s")
    assert result.entries["a"].status == "timed"


def test_a_long_call_of_naive_leaves_no_budget_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCRIPTS, "naive", {"time": 3.5})
    result, _ = run_race(["naive", "a"], budget=3.0, least=4)
    assert result.entries["naive"].samples == [3.5]
    assert len(result.entries["a"].samples) == 4


@pytest.mark.parametrize("error", [WorkerError("out of memory"), KeyboardInterrupt(), MemoryError()])
def test_what_is_done_is_kept_whatever_happens(error: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SCRIPTS, "", {"judge": iter([np.zeros(1), error])})  # the second layer is one too many
    monkeypatch.setattr(running, "Race", lambda names, settings: Race(names, settings, ACTOR))
    if isinstance(error, MemoryError):  # nothing that is foreseen
        with pytest.raises(MemoryError):
            running.run([ONE, ONE], ["a"], Settings(), "c", tmp_path)
        file = next(tmp_path.iterdir())
    else:
        run, file, status = running.run([ONE, ONE], ["a"], Settings(), "c", tmp_path)
        assert status == (130 if isinstance(error, KeyboardInterrupt) else 1)
        assert load(file) == run
    assert load(file).interrupted
    assert [result.layer for result in load(file).layers] == [ONE]


def test_a_run_is_told_layer_by_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(running, "Race", lambda names, settings: Race(names, settings, ACTOR))
    run, file, status = running.run([ONE, ONE], ["a", "wrong"], Settings(), "c", tmp_path)
    assert status == 1
    assert not load(file).interrupted
    assert load(file) == run
    assert capsys.readouterr().err == "".join(f"[{i}/2] Test one: a 1.00 ms, wrong WRONG\n" for i in (1, 2))


def test_the_next_contestant_waits_until_the_threads_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        """A process whose threads spin for some looks."""

        def __init__(self, spins: int) -> None:
            self.now, self.used, self.looks, self.spins = 0.0, 0.0, 0, spins

        def sleep(self, seconds: float) -> None:
            self.now += seconds
            self.looks += 1
            self.used += seconds if self.looks <= self.spins else 0.0

        def perf_counter(self) -> float:
            return self.now

        def process_time(self) -> float:
            return self.used

    for spins, looks in ((0, 1), (11, 12), (10**9, 100)):
        clock = Clock(spins)
        monkeypatch.setattr(worker, "time", clock)
        worker.wait_until_idle()
        assert clock.looks in (looks, looks + 1)  # the last look ends at the limit of one second, give or take a rounding


def test_torch_alone_keeps_its_process() -> None:
    LOG.clear()
    with Race(["a", "torch"], Settings(least=1), start=ACTOR) as race:
        for _ in range(3):
            race.run(ONE)
    assert sum(do == "new" for _, do in LOG) == 2 + 1 + 3  # the judge and the scout, torch, and a on each layer


def test_costs_are_worked_out_from_two_tiny_layers() -> None:
    class Clock(Actor):
        def ask(self, _deadline: float = 0.0, *, do: str, **request: Any) -> dict[str, Any]:
            if do == "start":
                self.layer = Layer.of(request["layer"])
            return {"times": [0.0, self.layer.windows * (2.0 + 0.25 * self.layer.taps), 1e9]}

    clock: Any = Clock()
    costs = budget.calibrate(clock, "naive", OPERATIONS, "float32")
    assert costs == dict.fromkeys(OPERATIONS, budget.Cost(2.0, 0.25))
    assert costs["conv2d"].of(conv("Test: 2x2", 3, 3, 5, 2)) == 5 * 2 * 2 * (2.0 + 0.25 * 12)
