"""The benchmark's processes: one contestant in each, apart from the others, and always ended."""

import math
import os
import platform
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import distance
from benchmarks.layers import Layer, conv
from benchmarks.process import OverdueError, Process, WorkerError, environment, keeps_memory
from faulty import plant

ROOT = Path(__file__).parent.parent
TINY = conv("Test: 3x3", 2, 6, 3, 3)


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    """Start a worker that can import the faulty implementations."""
    plant(tmp_path, monkeypatch)
    with Process() as worker:
        yield worker


def start(process: Process, contestant: str, layer: Layer = TINY) -> dict[str, Any]:
    """Have a worker prepare a contestant."""
    return process.ask(do="start", contestant=contestant, layer=asdict(layer), dtype="float32", seed=0)


def check(process: Process, file: Path, deadline: float = 60.0) -> dict[str, Any]:
    """Have a worker call its contestant and save the result."""
    return process.ask(deadline, do="check", file=str(file), dtype="float32", library="numpy")


def test_a_worker_answers_only_its_parent(process: Process, tmp_path: Path) -> None:
    assert start(process, "talkative") == {"provided": True, "error_class": "gamma", "algorithm": ""}
    assert check(process, tmp_path / "y.npz")["provided"]
    with np.load(tmp_path / "y.npz") as saved:
        assert saved["arr_0"].shape == (1, 3, 4, 4)
    assert len(process.ask(do="time", seconds=0.0, warm=False)["times"]) == 1
    assert len(process.ask(do="time", seconds=0.01, warm=True)["times"]) > 1


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not say which cores a process may run on")
def test_how_far_apart_the_cores_are(monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.sched_getaffinity(0)
    if len(before) > 1:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # a fork of a process that has threads, as tests may
            assert distance.round_trip() > 0
            monkeypatch.setattr(distance, "TRIES", 10)
            monkeypatch.setattr(distance, "_answer", lambda *_: None)
            assert distance.round_trip() == math.inf
        assert os.sched_getaffinity(0) == before
    monkeypatch.setattr(os, "sched_getaffinity", {0: {3}}.get)
    assert distance.round_trip() is None


def test_scratch_memory_is_what_a_call_takes_beyond_its_result(process: Process, tmp_path: Path) -> None:
    start(process, "greedy")  # 64 MiB of ones, dropped at once
    scratch = check(process, tmp_path / "y.npz")["scratch"]
    start(process, "talkative")
    small = check(process, tmp_path / "y.npz")["scratch"]
    if platform.system() == "Linux":
        assert 64 * 2**20 <= scratch < 72 * 2**20
        assert small < 2**22
    else:
        assert scratch is small is None


def test_a_worker_that_is_overdue_is_ended(process: Process, tmp_path: Path) -> None:
    start(process, "slow")
    begun = time.monotonic()
    with pytest.raises(OverdueError, match=r"no answer within 0\.2 s"):
        check(process, tmp_path / "y.npz", deadline=0.2)
    assert time.monotonic() - begun < 30
    assert not process.alive


def test_a_worker_that_dies_says_so_each_time(process: Process, tmp_path: Path) -> None:
    start(process, "dying")
    for _ in range(2):
        with pytest.raises(WorkerError, match="the process ended with status 3"):
            check(process, tmp_path / "y.npz")


def test_a_worker_whose_parent_is_gone_ends_in_the_middle_of_a_call(process: Process) -> None:
    start(process, "slow")
    process.send(do="time", seconds=0.0, warm=False)
    assert process.process.stdin is not None
    process.process.stdin.close()
    assert process.process.wait(timeout=30) == 0


def test_a_module_that_is_not_there_is_an_error_not_a_crash(process: Process) -> None:
    with pytest.raises(WorkerError, match="ModuleNotFoundError: No module named 'nobody'"):
        start(process, "nobody")
    assert start(process, "naive")["provided"]


def test_all_contestants_have_the_same_allocator_policy() -> None:
    policy = {name for name in environment() if name.startswith("MALLOC_")}
    expected = {"MALLOC_TOP_PAD_", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"}
    assert policy >= expected if keeps_memory() else policy == {n for n in os.environ if n.startswith("MALLOC_")}
    assert environment()["PYTHONPATH"].split(os.pathsep)[0] == str(ROOT)


def test_no_torch_beside_numpy() -> None:
    code = (
        "import sys, benchmarks.worker, benchmarks.contestants as c\n"
        "from benchmarks.layers import conv\n"
        "layer = conv('Test: 1x1', 1, 2, 1, 1)\n"
        "for name in ('naive', 'vectorized', 'tensordot'):\n"
        "    c.prepare(name, layer, c.inputs(layer, 'float32', 0))[0]()\n"
        "print(sorted({'torch', 'rich', 'matplotlib', 'naive', 'vectorized', 'benchmarks.tensordot'} & set(sys.modules)))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout == "['benchmarks.tensordot', 'naive', 'vectorized']\n"
