"""What NumPy's buffers cost where rows do not follow each other: ``python -m benchmarks.buffers``.

Two arrays are added whose rows are apart in memory, as those of a block in a larger result are: with the buffer that NumPy has
by itself, of 8192 values, with the one that ``vectorized`` holds, and with the smallest.
"""

import timeit

import numpy as np

from vectorized.buffers import VALUES

SIZES = (8192, VALUES, 16)
LENGTHS = (16, 49, 112, 196, 448, 784, 1568, 3136)
SECONDS, REPEAT = 0.02, 9


def main() -> None:
    """Print the time of a value for rows of several lengths."""
    print("nanoseconds a value, float32, 64 rows apart".ljust(46) + "the same rows, one after the other")
    print("row".rjust(8) + "".join(f"{f'buffer {size}':>13}" for size in SIZES))
    for length in LENGTHS:
        apart, together = np.zeros((2, 64, length + 16), np.float32), np.zeros((2, 64, length), np.float32)
        one, other = apart[:, :, :length]
        times = []
        for size in SIZES:
            with np.errstate():
                np.setbufsize(size)
                times.append(nanoseconds(one, other))
        print(f"{length:8}" + "".join(f"{time:13.2f}" for time in times) + f"{nanoseconds(*together):13.2f}")


def nanoseconds(one: np.ndarray, other: np.ndarray) -> float:
    """Return what it takes to add a value to another."""
    timer = timeit.Timer(lambda: np.add(one, other, out=other))
    number = max(1, int(SECONDS / timer.timeit(1)))
    return 1e9 * min(timer.repeat(REPEAT, number)) / number / one.size


if __name__ == "__main__":
    main()
