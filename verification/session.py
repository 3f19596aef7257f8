"""What the plugin does once it is asked: load, say what is verified, run each check as a test, report, and set the exit status.

Every test that holds a check sends its row along with pytest's own report, so that a scorecard is the same with pytest-xdist.
"""

from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from verification import render
from verification.conformance import Task, about, tasks
from verification.loader import LoadError, Source, load, wrap
from verification.scorecard import About, Row, Scorecard, environment, to_json

PACKAGE = Path(__file__).parent
PRINTED = 1000  # characters: of what an implementation prints, in hundreds of calls, the last are shown
SOURCES = pytest.StashKey[list[Source]]()


class Conformance:
    """A check as a test calls it: nothing happens, or the test fails or is skipped, in words of ours."""

    def __init__(self, task: Task, this: About) -> None:
        self.task, self.about = task, this
        self.row: Row | None = None

    def __call__(self) -> None:
        """Run the check."""
        __tracebackhide__ = True
        self.row = row = self.task.run()
        if row.verdict in ("failed", "mistrusted"):
            pytest.fail(render.failure(row), pytrace=False)
        if row.verdict != "passed":
            pytest.skip(f"{row.verdict}: {row.reason}" if row.reason else row.verdict)


def parametrize_with_checks(target: Any, *, strict: bool = False, profile: str | None = None) -> pytest.MarkDecorator:
    """Turn a test of one argument, ``check``, into one test for each check on each function of ``target``.

    The test calls ``check()``. The arguments are those of ``verification.verify``; ``target`` may also be a mapping of several
    implementations, by name.

    Raises verification.LoadError if there is nothing to verify.
    """
    found = wrap(target, strict=strict)
    return pytest.mark.parametrize("check", parameters(found, profile, every=False))


def parameters(sources: list[Source], profile: str | None, *, every: bool = True) -> list[Any]:
    """Return a parameter for each check on each function; without ``every``, on those that are provided."""
    prefix = "{0.source.implementation.name}-{0}" if len(sources) > 1 else "{0}"
    return [
        pytest.param(Conformance(task, this), id=prefix.format(task))
        for source, this in zip(sources, map(about, sources), strict=True)
        for task in tasks(source, profile)
        if every or task.provided
    ]


def named(config: pytest.Config) -> list[Source]:
    """Return the implementations that the command line or else the configuration names, loaded once.

    Raises LoadError.
    """
    if SOURCES not in config.stash:
        specs, folder = config.getoption("verification_implementations"), config.invocation_params.dir
        strict = config.getoption("verification_strict")
        if not specs:
            specs, folder, strict = config.getini("verification_implementations"), config.rootpath, True
        sources = [source for spec in specs for source in load(spec, folder, strict=strict)]
        names = [source.implementation.name for source in sources]
        if len(set(names)) < len(names):
            raise LoadError(f"every implementation needs a name of its own, but these are called {', '.join(names)}")
        config.stash[SOURCES] = sources
    return config.stash[SOURCES]


def pytest_configure(config: pytest.Config) -> None:
    """Load what the command line names, or refuse it with a reason."""
    recorder = Recorder(config)
    if recorder.path is not None and not recorder.path.parent.is_dir():
        raise pytest.UsageError(f"--verification-report: there is no such folder: {recorder.path.parent}")
    config.pluginmanager.register(recorder, "verification-recorder")
    if config.getoption("verification_implementations"):
        config.addinivalue_line("python_files", "test_conformance.py")  # whatever names a project gives its own tests
        config.addinivalue_line("python_functions", "test_conformance")
        try:
            named(config)
        except LoadError as error:
            recorder.write([], str(error))
            raise pytest.UsageError(str(error)) from None


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Keep a project's own settings (doctests in every module, say) from collecting the suite's other files."""
    if not _asked(config) or PACKAGE not in collection_path.parents or collection_path.suffix != ".py":
        return None
    return collection_path.name != "test_conformance.py" or None


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what is verified, what its signatures support, and who judges."""
    if not _asked(config):
        return []
    judge = environment()["torch"]
    lines = [line for source in named(config) for line in render.header(about(source))]
    return [
        *lines,
        f"judges: exact rationals and torch {judge}" if judge else "torch is not installed: judged by exact rationals alone",
    ]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send what a check found along with the report of its test."""
    report = yield
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    check = parameters.get("check")
    if isinstance(check, Conformance) and check.row is not None and report.when == "call":
        report.sections = [(title, text[-PRINTED:]) for title, text in report.sections]
        vars(report)["verification"] = {"about": asdict(check.about), "row": asdict(check.row)}
    return report


class Recorder:
    """Collect the rows; at the end show them, write them, and see to it that nothing passes unchecked."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.found: dict[str, Scorecard] = {}

    @property
    def scorecards(self) -> list[Scorecard]:
        """Return what was found so far, implementation by implementation."""
        return list(self.found.values())

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the row that came with a report."""
        sent = getattr(report, "verification", None)
        if sent is not None:
            this = About.from_dict(sent["about"])
            self.found.setdefault(this.name, Scorecard(this, [])).rows.append(Row.from_dict(sent["row"]))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the report; set the exit status where pytest, seeing no failed test, would say that all is good."""
        if hasattr(self.config, "workerinput") or self.config.option.collectonly:
            return  # a worker of pytest-xdist reports to the controller
        self.write(self.scorecards)
        if session.exitstatus == pytest.ExitCode.OK and not all(scorecard.passed for scorecard in self.scorecards):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if session.exitstatus == pytest.ExitCode.OK and _asked(self.config) and not self.found:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the scorecards."""
        for scorecard in self.scorecards:
            terminalreporter.section(f"verification of {scorecard.about.name}")
            for line in render.summary(scorecard):
                terminalreporter.line(line)
        if _asked(self.config) and not self.found and not self.config.option.collectonly:
            terminalreporter.section("verification", red=True)
            terminalreporter.line(
                "nothing was verified: --implementation needs --pyargs verification beside it, and a check to run"
            )

    @property
    def path(self) -> Path | None:
        """Return where the JSON report is wanted, if it is."""
        name = self.config.getoption("verification_report")
        return self.config.invocation_params.dir / name if name else None

    def write(self, scorecards: list[Scorecard], error: str | None = None) -> None:
        """Write the JSON report, if it is wanted."""
        if self.path is not None:
            self.path.write_text(to_json(scorecards, error), encoding="utf-8")


def _asked(config: pytest.Config) -> bool:
    return bool(config.getoption("verification_implementations"))
