"""What it costs that a virtual machine's cores move. ``python -m benchmarks.distance`` looks for some seconds.

Its cores are threads of its host, which moves them as it likes: onto neighbouring cores, where a line of memory is passed on in
tens of nanoseconds, or onto distant ones, where that takes several times as long. Then a product that BLAS shares out takes
twice as long if one core has just written its operand, and nothing that the machine tells shows why. (A host may also run two
such threads on one core: then everything takes twice as long.) So ``timing`` takes a turn again while they are apart.
"""

import math
import mmap
import os
import signal
import time
from functools import partial
from statistics import median

import numpy as np

import vectorized
from benchmarks.constants import measure

APART = 2.0  # times the shortest round trip: the cores are apart
LINE = 128  # bytes that no two cores write at the same time: two lines of memory, for processors fetch them in pairs
TRIES = 10**6  # looks for an answer, some 30 ms: the other process was stopped
SECONDS = 60.0


def round_trip(rounds: int = 500) -> float | None:
    """Return the median seconds that two processes, each on its core, take to pass a byte to and fro, Python's own included.

    It is infinite if the other does not answer, and ``None`` where there is one core, or the system binds nobody to one.
    """
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    if len(cores) < 2:
        return None
    here, there = sorted(cores)[:2]
    board = mmap.mmap(-1, 2 * LINE)  # shared with the child: it reads the first line and writes the second
    child = os.fork()
    if child == 0:
        try:
            os.sched_setaffinity(0, {there})
            _answer(board, rounds)
        finally:
            os._exit(0)
    try:
        os.sched_setaffinity(0, {here})
        times = _ask(board, rounds)
    finally:
        os.sched_setaffinity(0, cores)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        board.close()
    return median(times) if len(times) == rounds else math.inf


def _ask(board: mmap.mmap, rounds: int) -> list[float]:
    """Write a byte and wait until it is answered, so many times; return the seconds, fewer if no answer comes."""
    times: list[float] = []
    for i in range(rounds):
        byte, begun = i % 255 + 1, time.perf_counter()
        board[0] = byte
        for _ in range(TRIES):
            if board[LINE] == byte:
                break
        else:
            return times
        times.append(time.perf_counter() - begun)
    return times


def _answer(board: mmap.mmap, rounds: int) -> None:
    """Wait for each byte and answer it, while they come."""
    for i in range(rounds):
        byte = i % 255 + 1
        for _ in range(TRIES):
            if board[0] == byte:
                break
        else:
            return
        board[LINE] = byte


def main() -> None:
    """Print what two calls take while the cores are near, and while they are apart."""
    if round_trip() is None:
        print("There is nothing to show: this process has one core, or the system binds nobody to one.")
        return
    random = np.random.default_rng(0)
    x, weight = (random.standard_normal(shape, np.float32) for shape in ((1, 256, 14, 14), (256, 256, 3, 3)))
    columns = random.standard_normal((256 * 9, 14 * 14), np.float32)
    calls = {
        "the product alone, columns made before": partial(np.matmul, weight.reshape(256, -1), columns),
        "ResNet-50 conv4 3x3, strips": partial(vectorized.conv2d, x, weight, padding=1, algorithm="strips"),
    }
    looks = []  # the round trips before and after, and the times in between
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        time.sleep(0.2)  # BLAS's threads sleep again
        before, times = round_trip() or math.inf, {name: measure(call) for name, call in calls.items()}
        looks.append((sorted((before, round_trip() or math.inf)), times))
    limit = APART * min(shorter for (shorter, _), _ in looks)
    for title, some in (
        ("near", [look for look in looks if look[0][1] <= limit]),
        ("apart", [look for look in looks if look[0][0] > limit]),
    ):
        if some:
            trip = 1e9 * median(longer for (_, longer), _ in some)
            print(f"{title}: {len(some)} of {len(looks)} looks; a byte there and back {trip:.0f} ns")
            for name in calls:
                print(f"    {name:40} {median(times[name] for _, times in some) / 1e6:6.2f} ms")


if __name__ == "__main__":
    main()
