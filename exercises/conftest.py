"""``pytest exercises [--solution FILE]``: which file holds the answers, and the list of steps at the end."""

from pathlib import Path
from types import ModuleType

import pytest
from steps import STEPS, suite

from verification.loader import LoadError, load

SOLUTION = pytest.StashKey[ModuleType]()
HERE = Path(__file__).parent


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption("--solution", metavar="FILE", help="the file that holds the answers, if it is not exercises/my_conv.py")


def pytest_configure(config: pytest.Config) -> None:
    """Load the answers, or say why they cannot be."""
    name = config.getoption("--solution", None)
    try:
        (source,) = load(str(config.invocation_params.dir / name if name else HERE / "my_conv.py"))
    except LoadError as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[SOLUTION] = source.target


@pytest.fixture(scope="session")
def solution(pytestconfig: pytest.Config) -> ModuleType:
    """Return the answers."""
    return pytestconfig.stash[SOLUTION]


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let nothing pass that is not done."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.exitstatus == pytest.ExitCode.OK and reporter and "skipped" in found(reporter).values():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the list of steps, and what comes next."""
    states = found(terminalreporter)
    if not states:
        return
    terminalreporter.section("steps")
    for number, step in enumerate(STEPS, 1):
        done = "its example is right" if step.suite else "done"
        words = {"passed": done, "failed": "WRONG: see above", "skipped": "to do"}.get(states.get(step.name, ""), "not run")
        terminalreporter.line(f"{number}  {step.name:20} {words}")
    left = [step for step in STEPS if states.get(step.name) in ("failed", "skipped")]
    if left:
        sections = f"section{'s' * (' and ' in left[0].section)} {left[0].section}"
        terminalreporter.line(f"Next: {left[0].name}. Read docs/lesson.md, {sections}.")
    if any(step.suite and states.get(step.name) == "passed" for step in STEPS):
        terminalreporter.line(f"More than one example: {suite(terminalreporter.config.stash[SOLUTION])}")


def found(reporter: pytest.TerminalReporter) -> dict[str, str]:
    """Return what became of the steps that were run: passed, failed or skipped, by name."""
    return {
        step.name: state
        for state in ("passed", "failed", "skipped")
        for report in reporter.stats.get(state, [])
        for step in STEPS
        if report.nodeid.endswith(f"test_step[{step.name}]")
    }
