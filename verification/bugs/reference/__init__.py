"""The contract once more, as index arithmetic whose every step can be bent: a planted bug overrides one small method."""

from verification.bugs.reference.conv import Convolution
from verification.bugs.reference.pool import Pooling
from verification.bugs.reference.windows import Axis, Places

__all__ = ["Axis", "Places", "Reference"]


class Reference(Convolution, Pooling):
    """The whole contract, right."""
