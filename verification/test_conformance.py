"""Every check on every function of the implementation that ``--implementation`` names.

Where nothing is named, it is those of the setting ``verification_implementations``.
"""

from collections.abc import Callable

import pytest

from verification.session import named, parameters


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each check on each function."""
    metafunc.config.pluginmanager.import_plugin("verification.session")  # it is there already if the command line asked
    sources = named(metafunc.config)
    if not sources:
        raise pytest.Collector.CollectError(
            "there is nothing to verify: name an implementation, as in --implementation my_conv.py"
        )
    metafunc.parametrize("check", parameters(sources, metafunc.config.getoption("verification_profile")))


def test_conformance(check: Callable[[], None]) -> None:
    """Run the check."""
    check()
