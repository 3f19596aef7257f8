"""In a bare clone, load the plugin that an installed samesum loads by its entry point."""

import pytest


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Load it, unless it is loaded already."""
    if not pluginmanager.has_plugin("samesum"):
        pluginmanager.import_plugin("verification.plugin")
