"""Tests marked ``slow`` run in CI only: set CI=true to run them here."""

import os

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is slow, unless CI asks for everything."""
    if not os.environ.get("CI"):
        for item in items:
            if item.get_closest_marker("slow"):
                item.add_marker(pytest.mark.skip(reason="slow: runs with CI=true"))
