"""Fixtures that several folders of tests share; what they are made of is in tools/."""

import shutil

import pytest
from small_runs import command, place_with_networks, run

from nalsm.liquid.devices import gpu_is_visible


def pytest_collection_modifyitems(items):
    marked = [item for item in items if "gpu" in item.keywords]
    if marked and not gpu_is_visible():
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="TensorFlow sees no GPU on this machine"))


@pytest.fixture
def place(tmp_path):
    """A folder with networks, and room for results."""
    return place_with_networks(tmp_path)


@pytest.fixture(scope="session")
def _finished(tmp_path_factory):
    place = place_with_networks(tmp_path_factory.mktemp("finished"))
    done = run(command(place))
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture
def finished_place(_finished, tmp_path):
    """A folder of one's own with networks and the finished run of `command(place)`."""
    shutil.copytree(_finished, tmp_path / "own")
    return tmp_path / "own"


@pytest.fixture(scope="session")
def launcher(tmp_path_factory):
    """A warm process that small runs start from."""
    from fault_tools import Launcher

    launcher = Launcher("event", tmp_path_factory.mktemp("launcher"))
    yield launcher
    launcher.close()
