"""Every check on every function of the implementation that ``--implementation`` names.

Where nothing is named, it is those of the setting ``verification_implementations``.
"""

from collections.abc import Callable

import pytest

from verification import session
from verification.session import named, parameters


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each check on each function."""
    plugins = metafunc.config.pluginmanager
    if not plugins.has_plugin(session.__name__):  # the command line did not ask; the configuration does
        plugins.register(session, session.__name__)
    sources = named(metafunc.config)
    if not sources:
        raise pytest.Collector.CollectError(
            "there is nothing to verify: name an implementation, as in --implementation my_conv.py"
        )
    asked = bool(metafunc.config.getoption("verification_implementations"))  # then what is not provided is shown too
    metafunc.parametrize("check", parameters(sources, metafunc.config.getoption("verification_profile"), every=asked))


def test_conformance(check: Callable[[], None]) -> None:
    """Run the check."""
    check()
