"""In a bare clone, load the plugin that an installed samesum loads by its entry point; and give the whole run every core."""

import pytest


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Load it, unless it is loaded already."""
    if not pluginmanager.has_plugin("samesum"):
        pluginmanager.import_plugin("verification.plugin")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Run everything in as many processes as there are cores; not with ``-n 0`` or ``--pdb``, nor a selection by path."""
    whole = config.args_source is config.ArgsSource.TESTPATHS and not hasattr(config, "workerinput")  # nor does such a process
    if whole and config.pluginmanager.has_plugin("xdist") and config.option.numprocesses is None and not config.option.usepdb:
        cores = config.hook.pytest_xdist_auto_num_workers(config=config)
        config.option.numprocesses = cores if cores > 1 else None
