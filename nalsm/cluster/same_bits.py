"""What has to be equal on two machines so that they compute the same bits."""

import platform
from importlib.metadata import version

import numpy as np
from distributed import Client

from nalsm.liquid.devices import gpu_is_visible
from nalsm.liquid.tensorflow_setup import tensorflow
from nalsm.support.errors import MachineError
from nalsm.support.versions import program_version


def fingerprint(engine: str = "event") -> dict[str, str]:
    """Return what decides the bits here, by name.

    engine : for "tensorflow" also TensorFlow and the device that it computes on, which has to be chosen before
    """
    found = {
        "nalsm": program_version(),
        "numpy": np.__version__,
        "numba": version("numba"),
        "Python": platform.python_version(),
        "machine": platform.machine(),
    }
    return found | ({"tensorflow": version("tensorflow"), "device": _device()} if engine == "tensorflow" else {})


def _device():
    if not gpu_is_visible():
        return "CPU"
    config = tensorflow().config
    return config.experimental.get_device_details(config.list_physical_devices("GPU")[0]).get("device_name", "GPU")


def require_same(wanted: dict[str, str], found: dict[str, str], worker: str) -> None:
    """Raise MachineError that names a worker and the first thing in which its fingerprint is not the wanted one."""
    for name, here in wanted.items():
        if found.get(name) != here:
            raise MachineError(
                f"--cluster: worker {worker} has {name} {found.get(name)}, this program {here}: it might compute "
                "other bits; install the same there and start it again, or stop it"
            )


def require_same_workers(client: Client, workers: list[str] | None = None) -> None:
    """Raise MachineError unless these workers (None: all of now) would compute the same bits as this program."""
    wanted = fingerprint()
    for worker, found in client.run(fingerprint, workers=workers, on_error="return").items():
        if isinstance(found, OSError):
            continue  # it has just gone
        if isinstance(found, BaseException):
            raise MachineError(
                f"--cluster: worker {worker} cannot load nalsm {wanted['nalsm']} ({found}); install the same package "
                "there and start it again, or stop it"
            )
        require_same(wanted, found, worker)
