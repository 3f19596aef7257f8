"""One contestant in a process of its own: it reads requests as lines of JSON and answers each with one line.

``python -m benchmarks.worker`` is started by ``process``; nobody types it. It imports what its contestant needs and no more: no
torch beside NumPy, whose threads would fight. It ends when its standard input ends, whatever it is doing.
"""

# ruff: noqa: PLC0415 - torch is imported in its own processes only

import gc
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.contestants import as_arrays, inputs, prepare
from benchmarks.distance import round_trip
from benchmarks.judge import judge
from benchmarks.layers import Layer
from benchmarks.memory import peak_of

NOT_IDLE, LOOK, PATIENCE = 0.2, 0.01, 1.0  # share of one core; seconds


class Worker:
    """The requests, as methods; the state is the contestant's prepared call."""

    call: Callable[[], Any]

    def start(self, contestant: str, layer: dict[str, Any], dtype: str, seed: int) -> dict[str, Any]:
        """Import the contestant, make its inputs, and say whether it provides the operation."""
        shape = Layer.of(layer)
        prepared = prepare(contestant, shape, inputs(shape, dtype, seed))
        if prepared is None:
            return {"provided": False}
        self.call, error_class, algorithm = prepared
        return {"provided": True, "error_class": error_class, "algorithm": algorithm}

    def check(self, file: str, dtype: str, library: str) -> dict[str, Any]:
        """Call once, save the results for the judge, and tell the scratch memory: the peak less what was returned."""
        product(library, 1024, dtype)()  # so that the library's own buffers and threads are there already, and not counted
        result, peak = peak_of(self.call)
        results = as_arrays(result)
        np.savez(file, *results)
        return {"provided": True, "scratch": None if peak is None else max(0, peak - sum(r.nbytes for r in results))}

    def time(self, seconds: float, warm: bool) -> dict[str, Any]:
        """Call for some seconds, at least once, and return the time of each call; ``warm`` calls once more beforehand."""
        if warm:
            self.call()
        gc.disable()  # as timeit does: when rubbish is collected is chance
        try:
            times = [_timed(self.call)]
            while sum(times) < seconds:
                times.append(_timed(self.call))
        finally:
            gc.enable()
        return {"times": times}

    def peak(self, library: str, size: int, dtype: str, seconds: float) -> dict[str, Any]:
        """Return the highest rate that a matrix product of this size reaches, in operations per second."""
        self.call = product(library, size, dtype)
        return {"flops": 2 * size**3 / min(self.time(seconds, warm=True)["times"])}

    def bandwidth(self, library: str, nbytes: int, seconds: float) -> dict[str, Any]:
        """Return the highest rate at which a large array is copied, in bytes read and written per second."""
        self.call = copy(library, nbytes)
        return {"bandwidth": 2 * nbytes / min(self.time(seconds, warm=True)["times"])}

    def describe(self, library: str) -> dict[str, Any]:
        """Return the versions of what this process computes with; after ``peak``, so that its threads exist."""
        from benchmarks.machine import describe_library  # it needs psutil, and only here

        return describe_library(library)

    def round_trip(self) -> dict[str, Any]:
        """Return how far apart the cores are, in seconds; ``None`` where that cannot be told."""
        return {"seconds": round_trip()}

    def judge(self, layer: dict[str, Any], dtype: str, seed: int, file: str) -> dict[str, Any]:
        """Work out what is right, and save it."""
        judge(Layer.of(layer), dtype, seed, file)
        return {}


def product(library: str, size: int, dtype: str) -> Callable[[], Any]:
    """Return a square matrix product as a call."""
    if library == "torch":
        import torch

        t = torch.randn(size, size, dtype=getattr(torch, dtype))
        return lambda: torch.mm(t, t)
    a = np.random.default_rng(0).standard_normal((size, size), np.dtype(dtype).type)
    return lambda: a @ a


def copy(library: str, nbytes: int) -> Callable[[], Any]:
    """Return a copy between two arrays as a call."""
    if library == "torch":
        import torch

        t = torch.ones(nbytes // 4), torch.empty(nbytes // 4)
        return lambda: t[1].copy_(t[0])
    a, b = np.ones(nbytes // 4, np.float32), np.empty(nbytes // 4, np.float32)
    return lambda: np.copyto(b, a)


def wait_until_idle() -> None:
    """Wait until this process's threads sleep.

    After a product OpenBLAS's threads spin for about 0.1 s, on a core that the next contestant needs.
    """
    end = time.perf_counter() + PATIENCE
    while time.perf_counter() < end:
        used, start = time.process_time(), time.perf_counter()
        time.sleep(LOOK)
        if time.process_time() - used < NOT_IDLE * (time.perf_counter() - start):
            return


def _timed(call: Callable[[], Any]) -> float:
    """Return the seconds of one call, its result freed."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _listen(requests: "queue.SimpleQueue[dict[str, Any]]") -> None:
    """Pass on the requests, and end the process where they end: the parent is gone, or wants no more."""
    for line in sys.stdin:
        requests.put(json.loads(line))
    os._exit(0)


def main() -> None:
    """Answer requests until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a contestant prints must not look like an answer
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests,), daemon=True).start()
    worker = Worker()
    while True:
        request = requests.get()
        try:
            answer = getattr(worker, request.pop("do"))(**request)
        except NotImplementedError as error:
            answer = {"provided": False, "reason": str(error)}
        except Exception as error:  # whatever a contestant raises is its result
            answer = {"error": f"{type(error).__name__}: {error}"}
        wait_until_idle()  # an answer means: the cores are free for the next contestant
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
