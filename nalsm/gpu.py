"""The GPU answer: which device this process may use."""

import os
from glob import glob


def choose_device(index, say):
    """Make the GPU of that index the only one TensorFlow sees; -1, or an index without a GPU: the CPU.

    To be called before TensorFlow is imported, which is not done here unless the machine has GPUs.
    """
    os.environ["CUDA_VISIBLE_DEVICES"] = str(index)
    if index >= 0:
        if _has_gpus():
            from nalsm.tensorflow_setup import tensorflow

            if tensorflow().config.list_physical_devices("GPU"):
                say(f"GPU {index} is there, but this version of the program computes on the CPU")
                return
        say(f"there is no GPU {index} on this machine: computing on the CPU")


def _has_gpus():
    return bool(glob("/dev/nvidia[0-9]*") or glob("/dev/kfd") or glob("/dev/dxg"))
