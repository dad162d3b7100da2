"""Recordings of a simulated event camera that looks at MNIST along N-MNIST's three saccades.

They are a stand-in where the real recordings cannot be had, and marked as such wherever they go.

The camera moves along a triangle; the image moves over its field of 34 x 34 pixels by d(t), with
    d(t) = c_k + (c_k+1 - c_k) * (s - sin(2 pi s) / (2 pi)),   s = t / 100 ms - k,   k = 0, 1, 2,
c the corners of the path: each saccade starts and ends at rest. A pixel at (x, y) sees
    L(t) = ln(dark + image((x, y) - d(t)) / 255),
interpolated between the image's pixels. It remembers L as M, first at t = 0, and sends ON when
L - M reaches its threshold, OFF when M - L does. It is blind for the refractory time, then takes a
new M. Times are jittered. See docs/simulated_nmnist.md for sources, statistics and limits.
"""

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from nalsm.console.progress import progress
from nalsm.datasets import nmnist
from nalsm.datasets.packing import Source, decode_events, encode_events, pack
from nalsm.encoding import SENSOR_SIZE
from nalsm.storage.files import write_text
from nalsm.support.compiling import compiled
from nalsm.support.errors import UserError
from nalsm.support.random_streams import stream
from nalsm.support.resources import cores

_PADDING = SENSOR_SIZE  # dark pixels around the image, more than it is ever moved
_TYPICAL_EVENTS = 4_500  # of a recording, for the space they need
_AT_A_TIME = 1_000  # recordings between two lines of progress
_VERSION = 1  # of the simulator: another one makes other recordings of the same seed


@dataclass(frozen=True)
class Camera:
    """Path and pixels of the camera; docs/simulated_nmnist.md says where the numbers come from.

    corners : where the image's upper left corner is at the ends of the three saccades, (x, y) in pixels
    saccade_ms : how long each takes
    dark : brightness of a black pixel of the screen, a white one adding 1
    threshold : change of log brightness that makes an event; mismatch : its standard deviation over
        pixels, relative
    refractory_ms : how long a pixel is blind after an event
    jitter_ms : standard deviation of the error of an event's time
    """

    corners: tuple = ((-0.5, -0.5), (3.0, 6.5), (6.5, -0.5), (-0.5, -0.5))
    saccade_ms: int = 100
    dark: float = 0.2
    threshold: float = 0.31
    mismatch: float = 0.02
    refractory_ms: float = 1.0
    jitter_ms: float = 0.1

    def path(self):
        """Return where the image is at every ms: float64 [3 * saccade_ms + 1, 2], (x, y) in pixels."""
        s = np.arange(self.saccade_ms + 1) / self.saccade_ms
        travelled = (s - np.sin(2 * np.pi * s) / (2 * np.pi))[:, None]
        corners = np.array(self.corners)
        legs = [corners[k] + travelled[1:] * (corners[k + 1] - corners[k]) for k in range(len(corners) - 1)]
        return np.concatenate([corners[:1], *legs])

    def thresholds(self, seed):
        """Return the thresholds of the ON and OFF events of each pixel: float64 [2, 34, 34].

        They are the camera's: the same in all recordings of a seed.
        """
        deviation = stream(seed, "simulated camera").normal(0, self.mismatch, (2, SENSOR_SIZE, SENSOR_SIZE))
        return self.threshold * np.maximum(1 + deviation, 0.1)


class Simulator:
    """A camera with its pixels drawn by a seed: `record` turns images into recordings."""

    def __init__(self, seed=0, camera=None):
        self.seed, self.camera = seed, camera or Camera()
        path = self.camera.path()[:, ::-1]  # as (y, x)
        whole = np.floor(-path)
        self._shift, self._share = _PADDING + whole.astype(np.int64), -path - whole
        self._thresholds = self.camera.thresholds(seed)
        self._end_ms = len(path) - 1
        self._most = SENSOR_SIZE**2 * (int(len(path) / self.camera.refractory_ms) + 2)

    def record(self, image, number):
        """Return the events (x, y, p, t_us) of a recording of an image: int64 [n] each, in order of time.

        image : uint8 [28, 28]; number : int, with the seed it decides the jitter
        """
        inputs, times = np.empty(self._most, np.int32), np.empty(self._most)
        padded = np.pad(np.asarray(image) / 255, _PADDING)
        camera = self.camera
        n = _record(
            padded, self._shift, self._share, self._thresholds, camera.dark, camera.refractory_ms, inputs, times
        )
        jitter = stream(self.seed, "simulated recording", number).normal(0, camera.jitter_ms, n)
        t_us = np.rint(1000 * np.clip(times[:n] + jitter, 0, self._end_ms)).astype(np.int64)
        p, pixel = np.divmod(inputs[:n], SENSOR_SIZE**2)
        return decode_events(encode_events(pixel % SENSOR_SIZE, pixel // SENSOR_SIZE, p, t_us))


@compiled
def _record(image, shift, share, thresholds, dark, refractory, inputs, times):
    """Enter the events of all pixels, one pixel after another; return how many there are.

    image : float64 [28 + 2 * padding, ...] in 0..1; shift, share : int64, float64 [steps + 1, 2], where
    a pixel looks: whole pixels (y, x) and the rest; inputs, times : int32, float64 [most], filled
    """
    n = 0
    log_dark = np.log(dark)
    top, bottom = shift[:, 0].min(), shift[:, 0].max() + 2  # of what the pixel at (0, 0) sees
    left, right = shift[:, 1].min(), shift[:, 1].max() + 2
    for y in range(SENSOR_SIZE):
        for x in range(SENSOR_SIZE):
            if not image[y + top : y + bottom, x + left : x + right].any():
                continue
            before = memory = _log_brightness(image, y, x, shift[0], share[0], dark, log_dark)
            ready, blind = 0.0, False
            for step in range(1, len(shift)):
                now = _log_brightness(image, y, x, shift[step], share[step], dark, log_dark)
                while ready < step:
                    if blind:
                        memory = before + (now - before) * max(ready - (step - 1), 0.0)
                        blind = False
                    if now - memory >= thresholds[1, y, x]:
                        polarity, level = 1, memory + thresholds[1, y, x]
                    elif memory - now >= thresholds[0, y, x]:
                        polarity, level = 0, memory - thresholds[0, y, x]
                    else:
                        break
                    inputs[n] = (polarity * SENSOR_SIZE + y) * SENSOR_SIZE + x
                    times[n] = step - 1 + (level - before) / (now - before)
                    ready, blind = times[n] + refractory, True
                    n += 1
                before = now
    return n


@compiled
def _log_brightness(image, y, x, shift, share, dark, log_dark):
    row, column, below, right = y + shift[0], x + shift[1], share[0], share[1]
    upper = (1 - right) * image[row, column] + right * image[row, column + 1]
    lower = (1 - right) * image[row + 1, column] + right * image[row + 1, column + 1]
    brightness = (1 - below) * upper + below * lower
    return np.log(dark + brightness) if brightness > 0 else log_dark


# ---- many recordings ------------------------------------------------------------------------------


def split_count(count):
    """Return how many of `count` recordings are of the training set and of the test set: six to one."""
    n_test = count // 7
    return count - n_test, n_test


def simulated_source(data_dir, count, seed, camera=None):
    """Return the Source of recordings of MNIST's first images, simulated when they are asked for.

    count : 7..70,000, training and test set together; data_dir : where mnist.npz lies
    """
    simulator, arrays = Simulator(seed, camera), nmnist.mnist_arrays(data_dir)
    first_test = len(arrays["x_train"])  # number of the first test image
    n_train, n_test = split_count(count)
    images = np.concatenate([arrays["x_train"][:n_train], arrays["x_test"][:n_test]])
    labels = np.concatenate([arrays["y_train"][:n_train], arrays["y_test"][:n_test]])

    def events(place):
        return simulator.record(images[place], place if place < n_train else first_test + place - n_train)

    origin = {"simulator": _VERSION, "recordings": [n_train, n_test], "seed": seed, "camera": asdict(simulator.camera)}
    return Source(nmnist.SIMULATED_NAME, labels, n_train, events, origin, _TYPICAL_EVENTS * count)


def simulate_packed(source, path, overwrite=False):
    """Simulate straight into a packed file; raises UserError where one is there and `overwrite` is not set."""
    _require_absent(path, overwrite)
    path.parent.mkdir(parents=True, exist_ok=True)
    pack(source, path, overwrite)


def simulate_folder(source, folder, overwrite=False):
    """Simulate into <folder>/{Train,Test}/<label>/NNNNN.bin, marked by a file SIMULATED.txt in each.

    Where an earlier call with the same seed and count stopped it goes on. Raises UserError where the
    folder holds anything else and `overwrite` is not set; what is not simulated is never deleted.
    """
    folder = Path(folder)
    text = _marker_text(source.origin)
    packed = folder.parent / nmnist.PACKED_SIMULATED
    _require_absent(packed, overwrite)
    goes_on = _prepare(folder, text, overwrite)
    packed.unlink(missing_ok=True)
    for place in (folder, folder / "Train", folder / "Test"):  # marked before anything is in it
        place.mkdir(parents=True, exist_ok=True)
        write_text(place / nmnist.MARKER, text)
    todo = np.flatnonzero(~_written(folder, source)) if goes_on else np.arange(len(source.labels))
    if not len(todo):
        raise UserError(f"{source.name}: {folder} is complete already; --overwrite simulates it afresh")
    for name in {_relative_path(source, place).parent for place in todo}:
        (folder / name).mkdir(exist_ok=True)
    done = len(source.labels) - len(todo)
    meter = progress(len(source.labels), "simulating", "recordings", done=done)
    with meter as bar, ThreadPoolExecutor(cores()) as pool:
        for some in np.split(todo, range(_AT_A_TIME, len(todo), _AT_A_TIME)):
            list(pool.map(lambda place: _write(source, place, folder), some.tolist()))
            bar.update(len(some))


def _prepare(folder, text, overwrite):
    """Make sure that the folder is free; return whether it holds a part of these same recordings."""
    if not folder.exists() or not any(folder.iterdir()):
        return False
    if not (folder / nmnist.MARKER).is_file():
        raise UserError(f"{nmnist.SIMULATED_NAME}: {folder} holds other files; choose an empty folder with --out")
    if overwrite:
        for part in ("Train", "Test"):
            shutil.rmtree(folder / part, ignore_errors=True)
        return False
    if (folder / nmnist.MARKER).read_text(encoding="utf-8") != text:
        raise UserError(
            f"{nmnist.SIMULATED_NAME}: {folder} holds recordings of another seed or count; choose another --out, or "
            "give --overwrite"
        )
    return True


def _require_absent(path, overwrite):
    if path.exists() and not overwrite:
        raise UserError(f"{nmnist.SIMULATED_NAME}: {path} is there already; --overwrite simulates afresh")


def _written(folder, source):
    """Return which recordings are there: bool [n]."""
    found = {f"{part}/{recording.label}/{number:05d}.bin"
             for part in ("Train", "Test") for number, recording in nmnist.scan(folder / part).items()
             if recording.size}  # fmt: skip
    return np.array([_relative_path(source, place).as_posix() in found for place in range(len(source.labels))])


def _relative_path(source, place):
    part, number = ("Train", place + 1) if place < source.n_train else ("Test", place + 1 - source.n_train)
    return Path(part, str(source.labels[place]), f"{number:05d}.bin")


def _write(source, place, folder):
    path = folder / _relative_path(source, place)
    temporary = path.with_suffix(".part")
    temporary.write_bytes(recording_bytes(*source.events(place)))
    os.replace(temporary, path)


def recording_bytes(x, y, p, t_us):
    """Return a recording in N-MNIST's format, 5 bytes an event: x, y, polarity (1 bit) and time (23 bits)."""
    return np.stack([x, y, p << 7 | t_us >> 16, t_us >> 8 & 255, t_us & 255], axis=1).astype(np.uint8).tobytes()


def _marker_text(origin):
    n_train, n_test = origin["recordings"]
    return (
        "SIMULATED: these recordings are not N-MNIST. They were computed from MNIST's images by\n"
        "nalsm.datasets.simulated_nmnist (python -m nalsm.datasets simulate-nmnist); see docs/simulated_nmnist.md.\n"
        "This file marks them and is read by programs: leave it with them.\n\n"
        f"train: {n_train}\ntest: {n_test}\nseed: {origin['seed']}\nsimulator: {origin['simulator']}\n"
        f"camera: {json.dumps(origin['camera'])}\n"
    )
