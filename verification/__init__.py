"""A suite that judges convolution and pooling: these two implementations, or anybody's.

An implementation is a module, or any object, with some of the functions of ``contract``. It is met by name only, and what it
supports is read off its signatures. Importing this package costs nothing: NumPy, Hypothesis and PyTorch are imported by the
parts that need them.

``verify(target)`` returns a scorecard; ``parametrize_with_checks(target)`` makes tests; ``pytest --pyargs verification
--implementation my_conv.py`` does both from a command line. See docs/verification.md.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from verification.conformance import verify
    from verification.loader import LoadError
    from verification.scorecard import Scorecard
    from verification.session import parametrize_with_checks

__all__ = ["LoadError", "Scorecard", "parametrize_with_checks", "verify"]

_HOMES = {
    "LoadError": "verification.loader",
    "Scorecard": "verification.scorecard",
    "parametrize_with_checks": "verification.session",
    "verify": "verification.conformance",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
