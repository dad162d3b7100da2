"""The run that is killed, stopped and cut off."""

import pytest
from fault_tools import SmallRun


@pytest.fixture(scope="session")
def small_run(launcher, tmp_path_factory):
    """Every test clears its folder first."""
    return SmallRun(launcher, tmp_path_factory.mktemp("small_run")).complete()
