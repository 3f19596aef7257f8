"""What BLAS's own threads cost ours: they spin for a while after a product. ``python -m benchmarks.spinning``.

The layer is shared out by our threads, and takes as long after a rest as right after itself. After a product by BLAS's threads
it takes longer, for three threads are on two cores: that is why no call of ``vectorized`` lets both work in turn, and why it
shares out large layers alone.
"""

import time
from collections.abc import Callable
from functools import partial
from statistics import median

import numpy as np

import vectorized
from vectorized.threads import parts, workers

REPEAT = 15


def main() -> None:
    """Print how long a layer takes that is shared out: by itself, after a product, and some time after one."""
    if parts(10**12) < 2:
        print("There is nothing to show: this process has one core, or cannot hold BLAS to one thread (threadpoolctl does).")
        return
    random = np.random.default_rng(0)
    x, weight = (random.standard_normal(shape, np.float32) for shape in ((1, 256, 56, 56), (256, 256, 3, 3)))
    square = random.standard_normal((600, 600), np.float32)

    def rest(seconds: float) -> Callable[[], None]:
        return lambda: time.sleep(seconds)

    def multiply_and(then: Callable[[], None]) -> Callable[[], None]:
        return lambda: (square @ square, then())[-1]

    ways = {
        "after a rest of 60 ms": rest(0.06),
        "right after itself": rest(0),
        "after a product by all threads of BLAS": multiply_and(rest(0)),
        "after such a product and a rest of 60 ms": multiply_and(rest(0.06)),
    }
    print(f"VGG-16 conv3_2, 1.8 billion multiplications, on {workers()} cores; medians of {REPEAT}")
    for algorithm in ("strips", "winograd4"):
        layer = partial(vectorized.Conv2d(weight, padding=1, algorithm=algorithm), x)
        for name, before in ways.items():
            print(f"{algorithm:10} {name:42} {1000 * median(timed(before, layer) for _ in range(REPEAT)):6.1f} ms")


def timed(before: Callable[[], None], call: Callable[[], object]) -> float:
    """Return how many seconds a call takes, after something else."""
    before()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
