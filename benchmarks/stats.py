"""The few statistics of the race: medians, their spread, and means of ratios."""

import math
import statistics
from collections.abc import Sequence


def quartiles(samples: Sequence[float]) -> tuple[float, float, float]:
    """Return the first quartile, the median and the third.

    >>> quartiles([4, 1, 3, 2, 5])
    (2.0, 3.0, 4.0)
    >>> quartiles([7.0])
    (7.0, 7.0, 7.0)
    """
    if len(samples) == 1:
        return samples[0], samples[0], samples[0]
    low, middle, high = statistics.quantiles(samples, n=4, method="inclusive")
    return low, middle, high


def settled(samples: Sequence[float], fraction: float) -> bool:
    """Return whether the median's standard error is at most this fraction of the median.

    For normal noise the standard error of a median is 1.2533 σ/√n, and σ = IQR/1.349; together 0.929 IQR/√n.

    >>> settled([1.0, 1.01, 0.99, 1.0], 0.02), settled([1.0, 2.0, 0.5, 1.0], 0.02)
    (True, False)
    """
    low, median, high = quartiles(samples)
    return 0.929 * (high - low) / math.sqrt(len(samples)) <= fraction * median


def geometric_mean(ratios: Sequence[float]) -> float:
    """Return the n-th root of the product: the mean for ratios, where 2 and 1/2 cancel.

    >>> geometric_mean([2.0, 0.5]), geometric_mean([1.0, 10.0, 100.0])
    (1.0, 10.0)
    """
    return round(math.exp(statistics.fmean(math.log(r) for r in ratios)), 12)
