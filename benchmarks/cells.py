"""Numbers as a reader wants them: three digits, a unit, and a dash where there is nothing."""

from collections.abc import Sequence

from benchmarks.results import Entry
from benchmarks.stats import geometric_mean

NOTHING = "-"


def number(value: float) -> str:
    """Return three digits, or two after the point, or all before it.

    >>> number(0.0123), number(1.666), number(66.66), number(1234.5)
    ('0.01', '1.67', '66.7', '1234')
    """
    return f"{value:.{2 if value < 9.995 else 1 if value < 99.95 else 0}f}"


def seconds(value: float) -> str:
    """Return a time with a unit.

    >>> seconds(0.00123456), seconds(85.26e-6), seconds(1.5), seconds(0.01)
    ('1.23 ms', '85.3 us', '1.50 s', '10.0 ms')
    """
    unit, size = next(((u, s) for u, s in (("s", 1.0), ("ms", 1e-3)) if value >= 0.9995 * s), ("us", 1e-6))
    return f"{number(value / size)} {unit}"


def percent(share: float | None) -> str:
    """Return a share of one with two digits.

    >>> percent(0.4567), percent(0.00123), percent(1.0), percent(None)
    ('46 %', '0.12 %', '100 %', '-')
    """
    return NOTHING if share is None else f"{100 * share:.{0 if share >= 0.0995 else 1 if share >= 0.00995 else 2}f} %"


def mebibytes(size: int | None) -> str:
    """Return a size; n/a where the system cannot tell."""
    return "n/a" if size is None else f"{size / 2**20:.1f} MiB"


def mean(ratios: Sequence[float]) -> str:
    """Return the geometric mean and of how many it is.

    >>> mean([1.0, 4.0]), mean([])
    ('2.00 (2)', '-')
    """
    return f"{number(geometric_mean(ratios))} ({len(ratios)})" if ratios else NOTHING


def time_of(entry: Entry | None) -> str:
    """Return a contestant's median time, or why there is none."""
    if entry is None:
        return NOTHING
    return seconds(entry.time) if entry.time is not None else "WRONG" if entry.status == "wrong" else entry.status
