"""The GPU answer: which device this process may use, and how much memory it has."""

import os
import shutil
import subprocess
from glob import glob


def choose_device(index, say):
    """Make the GPU of that index the only one TensorFlow sees; -1, or an index without a GPU: the CPU.

    To be called before TensorFlow is imported, which is not done here unless the machine has GPUs.
    """
    os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # the numbers that nvidia-smi shows
    os.environ["CUDA_VISIBLE_DEVICES"] = str(index)
    if index >= 0 and not gpu_is_visible():
        say(f"there is no GPU {index} on this machine: computing on the CPU")


def gpu_is_visible():
    """Return whether TensorFlow sees a GPU; it is not imported where the machine has none."""
    if not (glob("/dev/nvidia[0-9]*") or glob("/dev/kfd") or glob("/dev/dxg")):
        return False
    from nalsm.liquid.tensorflow_setup import tensorflow

    return bool(tensorflow().config.list_physical_devices("GPU"))


def free_memory():
    """Return the bytes that are free on the device TensorFlow computes on; None if nobody tells."""
    if gpu_is_visible():
        return _free_gpu_memory(os.environ.get("CUDA_VISIBLE_DEVICES", "0"))
    try:
        with open("/proc/meminfo") as file:
            values = dict(line.split(":") for line in file)
        return int(values["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None


def _free_gpu_memory(index):
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    query = [program, "--query-gpu=memory.free", "--format=csv,noheader,nounits", f"--id={index}"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=True).stdout
        return int(answer.split()[0]) * 2**20
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
