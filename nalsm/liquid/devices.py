"""The GPU question: which device this process may use, and how much memory it has."""

import os
import shutil
import subprocess
from collections.abc import Callable
from glob import glob

from nalsm.support.tuning import TUNING


def choose_device(index: int, say: Callable[[str], None]) -> None:
    """Make the GPU with this index the only one that TensorFlow sees; with -1 it sees none.

    If there is no such GPU, `say` is called with one line, and the CPU computes. This function has to be
    called before TensorFlow is imported; it imports TensorFlow only on machines that have a GPU.
    """
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # the numbers that nvidia-smi shows
    os.environ["CUDA_VISIBLE_DEVICES"] = str(index)
    if index >= 0 and not gpu_is_visible():
        say(f"there is no GPU {index} on this machine: computing on the CPU")


def has_gpu_device() -> bool:
    """Return whether the machine has a GPU, without asking TensorFlow whether it can use it."""
    return bool(glob("/dev/nvidia[0-9]*") or glob("/dev/kfd") or glob("/dev/dxg"))


def gpu_is_visible() -> bool:
    """Return whether TensorFlow sees a GPU. TensorFlow is imported only on machines that have one."""
    if not has_gpu_device():
        return False
    from nalsm.liquid.tensorflow_setup import tensorflow

    return bool(tensorflow().config.list_physical_devices("GPU"))


def free_memory() -> int | None:
    """Return the free memory of the device that TensorFlow computes on, in bytes; None if it is unknown."""
    if TUNING.free_memory_bytes is not None:
        return TUNING.free_memory_bytes
    if gpu_is_visible():
        return free_gpu_memory()
    try:
        with open("/proc/meminfo") as file:
            values = dict(line.split(":") for line in file)
        return int(values["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None


def free_gpu_memory() -> int | None:
    """Return the free memory in bytes of the GPU that `choose_device` chose; None if nvidia-smi does not say."""
    program, index = shutil.which("nvidia-smi"), os.environ.get("CUDA_VISIBLE_DEVICES", "0")
    if program is None:
        return None
    query = [program, "--query-gpu=memory.free", "--format=csv,noheader,nounits", f"--id={index}"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
        return int(answer.split()[0]) * 2**20
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
