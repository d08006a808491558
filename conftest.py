"""Which tests run where: those marked ``slow`` in CI only, those marked ``long`` on demand only."""

import os

import pytest

#: The variable that lets tests with a marker run.
_VARIABLES = {"slow": "CI", "long": "LONG"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is slow or long, unless somebody asks for it.

    Files with slow tests come first: a worker has a file to itself, and the short ones fill the gaps at the end.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)
    for marker, variable in _VARIABLES.items():
        if not os.environ.get(variable):
            for item in items:
                if item.get_closest_marker(marker):
                    item.add_marker(pytest.mark.skip(reason=f"{marker}: runs with {variable}=true"))
