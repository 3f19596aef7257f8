"""Planted bugs: what convolution and pooling code really gets wrong, each as a small change to a right implementation.

Each names the check that must catch it. ``python -m verification.kill_matrix`` runs every check on every bug.
"""

from verification.bugs import channels, geometry, gradients, memory, numbers, pooling, refusals
from verification.bugs.bend import Bug

__all__ = ["BUGS", "Bug"]

BUGS: tuple[Bug, ...] = (
    *geometry.BUGS,
    *channels.BUGS,
    *numbers.BUGS,
    *memory.BUGS,
    *pooling.BUGS,
    *gradients.BUGS,
    *refusals.BUGS,
)
