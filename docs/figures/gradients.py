"""Pictures of pooling, forward and backward, and of a convolution's gradient that is scattered back through the windows."""

import numpy as np
from matplotlib.axes import Axes

import naive
import vectorized
from docs.figures.drawing import (
    BLUE,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PAPER,
    PURPLE,
    RED,
    arrow,
    frame,
    grid,
    label,
    number,
    picture,
    tint,
)

POOLED = np.array([[1, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])
ARRIVING = np.array([[4, 8], [12, 16]])
FILTER, DECADES = np.array([[1, 2], [3, 4]]), np.array([[1, 10], [100, 1000]])
WINDOWS = (ORANGE, BLUE, GREEN, PURPLE)


def pooling() -> Axes:
    """Draw max and average pooling with their gradients: the winner takes all, or everyone has an equal share."""
    x = POOLED[np.newaxis].astype(float)
    g = ARRIVING[np.newaxis].astype(float)
    shades = [tint(colour, 0.4) for colour in WINDOWS]
    small = np.array(shades).reshape(2, 2)
    large = small.repeat(2, 0).repeat(2, 1)
    largest, winners = naive.max_pool2d(x, 2, return_indices=True)
    axes = picture(26.4, 12)
    for top, title, result, back in (
        (1.8, "max", largest, naive.max_pool2d_backward(g, x, 2)),
        (7, "mean", naive.avg_pool2d(x, 2), naive.avg_pool2d_backward(g, x, 2)),
    ):
        grid(axes, 1.2, top, POOLED, large)
        if title == "max":
            for place in winners.ravel():
                frame(axes, 1.2 + place % 4, top + place // 4, 1, 1, INK)
        arrow(axes, (5.6, top + 2), (7.9, top + 2))
        label(axes, 6.75, top + 1.4, title, weight="bold")
        grid(axes, 8.3, top + 1, result[0], small, size=8)
        grid(axes, 15.2, top + 1, ARRIVING, small)
        arrow(axes, (17.6, top + 2), (19.9, top + 2))
        label(axes, 18.75, top + 1.4, title, weight="bold")
        faded = np.where(back[0] == 0, PAPER, large)
        grid(axes, 20.4, top, back[0], faded)
        if title == "max":
            for place in winners.ravel():
                frame(axes, 20.4 + place % 4, top + place // 4, 1, 1, INK)
    axes.plot([12.7, 12.7], [1, 11.4], color=GREY, lw=0.8, linestyle=":")
    for left, text in ((3.2, "x"), (9.3, "y"), (16.2, "gradient of y"), (22.4, "gradient of x")):
        label(axes, left, 1.1, text, color=GREY)
    return axes


def gradient() -> Axes:
    """Draw what each output cell's gradient sends back through its own window, and the sum of the four."""
    x = np.zeros((1, 3, 3), int)  # the gradient of x does not depend on x
    weight = FILTER[np.newaxis, np.newaxis]
    total, _, _ = vectorized.conv2d_backward(DECADES[np.newaxis], x, weight)
    axes = picture(27.8, 8.4)
    label(axes, 2.2, 1, "gradient of V", size=9, color=GREY)
    shades = np.array([tint(colour, 0.4) for colour in WINDOWS]).reshape(2, 2)
    grid(axes, 1.2, 1.6, DECADES, shades, size=8)
    label(axes, 2.2, 4.9, "filter W", size=9, color=GREY)
    grid(axes, 1.2, 5.5, FILTER, size=8)
    for place, (i, j) in enumerate(np.ndindex(2, 2)):
        alone = np.zeros((1, 2, 2), int)
        alone[0, i, j] = DECADES[i, j]
        share, _, _ = vectorized.conv2d_backward(alone, x, weight)
        left, colour = 5.4 + 4.3 * place, WINDOWS[place]
        fill = np.where(share[0] > 0, tint(colour, 0.4), PAPER)
        grid(axes, left, 2.6, np.where(share[0] > 0, share[0].astype(object), None), fill, size=8)
        frame(axes, left + j, 2.6 + i, 2, 2, colour)
        label(axes, left + 1.5, 6.3, f"{number(DECADES[i, j])} · W", size=10)
        label(axes, left + 1.5, 7.0, f"at row {i}, column {j}", size=8, color=GREY)
        label(axes, left + 3.65, 4.1, "+" if place < 3 else "=", size=14)
    grid(axes, 22.9, 2.6, total[0], size=8)
    frame(axes, 22.9, 2.6, 3, 3, RED)
    label(axes, 24.4, 6.3, "gradient of X", size=10)
    return axes
