"""Planted bugs: what convolution and pooling code really gets wrong, each as a small change to a right implementation.

Each names the check that must catch it. ``python -m verification.kill_matrix`` runs every check on every bug.
"""

from verification.bugs import (
    arrays,
    channels,
    edges,
    gradients,
    layouts,
    maxima,
    means,
    memory,
    numbers,
    padding,
    places,
    rare,
    refusals,
    state,
)
from verification.bugs.bend import Bug

__all__ = ["BUGS", "Bug"]

BUGS: tuple[Bug, ...] = (
    *places.BUGS,
    *padding.BUGS,
    *edges.BUGS,
    *channels.BUGS,
    *layouts.BUGS,
    *numbers.BUGS,
    *memory.BUGS,
    *state.BUGS,
    *maxima.BUGS,
    *means.BUGS,
    *gradients.BUGS,
    *arrays.BUGS,
    *refusals.BUGS,
    *rare.BUGS,
)
