"""Pictures of windows: a signal that smooths another, the sliding window, padding and stride."""
# ruff: noqa: RUF001 - a picture shows × and −, not x and -

from typing import Any

import numpy as np
from matplotlib.axes import Axes

import naive
import vectorized
from docs.figures.drawing import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PAPER,
    RED,
    arrow,
    frame,
    grid,
    label,
    number,
    picture,
    products,
    tint,
)
from naive.windows import starts

READINGS = np.array([4, 4, 12, 4, 4, 4, 5, 3, 4, 4, 8, 8, 8, 9, 7, 8, 8, 0, 8, 8, 7, 9, 8, 8])
WEIGHTS = np.array([1, 2, 1])
IMAGE = np.array([[1, 2, 1, 6, 7], [2, 1, 2, 7, 6], [1, 1, 3, 6, 7], [2, 2, 1, 7, 7], [1, 3, 2, 6, 6]])
SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
ROW, TAPS = np.array([3, 1, 4, 1, 5]), np.array([1, 0, -1])
VARIANTS = [(1, 0, 1), (1, 1, 1), (2, 0, 1), (2, 1, 1), (3, 0, 1), (1, 1, 2)]  # stride, padding, dilation


def smoothing() -> Axes:
    """Draw readings, and what a weighted mean of neighbours makes of them."""
    smooth = vectorized.conv2d(READINGS.reshape(1, 1, -1), WEIGHTS.reshape(1, 1, 1, -1))[0, 0] / 4
    times, high = np.arange(len(READINGS)), READINGS.max()
    axes = picture(27, 9.4)

    def place(value: Any) -> Any:  # readings grow upwards, rows downwards
        return 7.6 - 6.2 * value / high

    for level in range(0, high + 1, 4):
        axes.plot([1.6, 25.8], [place(level)] * 2, color=FAINT, lw=1)
        label(axes, 1, place(level), number(level), size=9, color=GREY)
    axes.plot(times + 2, place(READINGS), "o", color=ORANGE, mec=INK, mew=0.6, ms=6.5)
    axes.plot(times[1:-1] + 2, place(smooth), color=BLUE, lw=2.6)
    label(axes, 13.7, 8.5, "time", size=9, color=GREY)
    label(axes, 4.7, place(12), "reading x(t)", ha="left")
    arrow(axes, (13, place(2.6)), (11.85, place(smooth[9]) + 0.4), BLUE)
    label(axes, 12.8, place(1.9), "s(t) = (x(t−1) + 2·x(t) + x(t+1)) / 4", size=9.5, color=BLUE)
    return axes


def sliding_window() -> Axes:
    """Draw a filter in three of its places on the image, and the output cell that each gives."""
    result = naive.conv2d(IMAGE[np.newaxis], SOBEL[np.newaxis, np.newaxis])[0]
    axes = picture(26.5, 14)
    label(axes, 2.5, 2.4, "filter W")
    grid(axes, 1, 3, SOBEL, tint(ORANGE))
    label(axes, 2.5, 10, "output V")
    for place, (i, j) in enumerate([(0, 0), (0, 1), (2, 2)]):
        left = 6.2 + 7 * place
        inside = np.zeros(IMAGE.shape, bool)
        inside[i : i + 3, j : j + 3] = True
        grid(axes, left, 1, IMAGE, np.where(inside, tint(ORANGE), PAPER))
        frame(axes, left + j, 1 + i, 3, 3, RED)
        done = np.arange(9).reshape(3, 3) <= 3 * i + j
        fill = np.full((3, 3), PAPER, dtype=object)
        fill[i, j] = tint(BLUE, 0.4)
        grid(axes, left + 1, 8.5, np.where(done, result.astype(object), None), fill)
        frame(axes, left + 1 + j, 8.5 + i, 1, 1, BLUE)
        for side in (0, 1):
            above, below = (left + j + 3 * side, 4 + i), (left + 1 + j + side, 8.5 + i)
            axes.plot(*zip(above, below, strict=True), color=RED, lw=1.4, linestyle="--", zorder=0.5)  # behind the cells
        field = IMAGE[i : i + 3, j : j + 3]
        first, second = (products(SOBEL[:, c], field[:, c]) for c in (0, 2))
        label(axes, left + 2.5, 12.3, f"{first}", size=9)
        label(axes, left + 2.5, 13, f"+ {second} = {number(result[i, j])}", size=9)
    label(axes, 8.7, 0.62, "image X: first window", size=9, color=GREY)
    label(axes, 15.7, 0.62, "one step to the right", size=9, color=GREY)
    label(axes, 22.7, 0.62, "last window", size=9, color=GREY)
    return axes


def padding_and_stride() -> Axes:
    """Draw all windows of a row of five values, for several strides, paddings and dilations."""
    axes = picture(32, 15.6, 0.295)
    for place, (stride, padding, dilation) in enumerate(VARIANTS):
        _variant(axes, 1.2 + 10.4 * (place % 3), 1.2 + 8.2 * (place // 3), stride, padding, dilation)
    return axes


def _variant(axes: Axes, left: float, top: float, stride: int, padding: int, dilation: int) -> None:
    """Draw the windows of one variant below the row, each with its sum."""
    W, F = len(ROW), len(TAPS)
    reach = dilation * (F - 1) + 1
    sides, size = (padding, padding), W + 2 * padding
    result = naive.conv2d(
        ROW.reshape(1, 1, W), TAPS.reshape(1, 1, 1, F),
        stride=stride, padding=(0, padding), dilation=dilation, rounding="floor",
    )[0, 0]  # fmt: skip
    firsts = starts(1, W, F, stride, sides, dilation, "floor")
    exact = (size - reach) % stride == 0
    name = f"S = {stride}, P = {padding}" + (f", D = {dilation}" if dilation > 1 else "")
    rule = f"({W} − {reach} + 2·{padding})/{stride} + 1"
    label(axes, left, top, name, ha="left", size=10, weight="bold")
    outcome = f" = {len(firsts)}" if exact else " is not an integer"
    label(axes, left, top + 0.95, rule + outcome, ha="left", size=8.5, color=INK if exact else RED)
    x, y = left + 1 - padding, top + 1.7
    padded = np.pad(ROW, padding)[np.newaxis]
    outside = np.ones(padded.shape, bool)
    outside[:, padding : padding + W] = False
    grid(axes, x, y, padded, np.where(outside, FAINT, PAPER))
    for line, first in enumerate(firsts):
        level = y + 1.55 + 0.72 * line
        _bar(axes, x + first, level, dilation, (BLUE, RED, GREEN)[line % 3])
        label(axes, left + 7.4, level, f"= {number(result[line])}", ha="left")
    if not exact:
        level = y + 1.55 + 0.72 * len(firsts)
        _bar(axes, x + firsts[-1] + stride, level, dilation, GREY, linestyle=":")
        axes.plot([x + size] * 2, [y - 0.2, level + 0.4], color=RED, lw=1.6)


def _bar(axes: Axes, x: float, y: float, dilation: int, colour: str, linestyle: str = "-") -> None:
    """Draw one window as a bar with a dot for each tap, and the tap's weight in it."""
    taps = [x + 0.5 + dilation * tap for tap in range(len(TAPS))]
    axes.plot([taps[0], taps[-1]], [y, y], color=colour, lw=2, linestyle=linestyle)
    for tap, weight in zip(taps, TAPS, strict=True):
        axes.plot([tap], [y], "o", ms=13, mfc=tint(colour, 0.2), mec=colour, mew=1.4)
        label(axes, tap, y, number(weight), size=7.5)
