"""The pytest plugin: its options, and nothing more until one of them is used.

It is loaded in every project where samesum is installed; so it imports nothing but pytest, and changes no setting. What it
does when it is asked is in ``session``.
"""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("verification", "verification of convolution and pooling (samesum)")
    group.addoption(
        "--implementation",
        dest="verification_implementations",
        action="append",
        default=[],
        metavar="MODULE|FILE[:ATTRIBUTE]",
        help="verify this implementation (with --pyargs verification); may be given more than once",
    )
    group.addoption(
        "--verification-report",
        metavar="FILE",
        help="write the scorecard to this file, as JSON",
    )
    group.addoption(
        "--verification-profile",
        choices=("fast", "default", "ci", "thorough"),
        help="how many cases to draw (fast misses rare bugs), and whether always the same ones (ci)",
    )
    group.addoption(
        "--verification-strict",
        action="store_true",
        help="hold it to the letter of the contract: to the kinds of errors, and to every form of every option",
    )
    parser.addini("verification_implementations", "what test_conformance verifies if nothing is named, strictly", "args", [])


def pytest_configure(config: pytest.Config) -> None:
    """Load the rest if it is asked for; refuse to run the suite on nothing.

    (What the configuration names is loaded only when test_conformance is collected.)
    """
    if config.getoption("verification_implementations") or config.getoption("verification_report"):
        config.pluginmanager.import_plugin("verification.session")
    elif _suite_is_named(config) and not config.getini("verification_implementations"):
        raise pytest.UsageError("there is nothing to verify: name an implementation, as in --implementation my_conv.py")


def _suite_is_named(config: pytest.Config) -> bool:
    return config.getoption("pyargs") and any(arg.split("::")[0].split(".")[0] == "verification" for arg in config.args)
