"""Recordings of a simulated event camera that looks at MNIST along N-MNIST's three saccades.

They stand in for N-MNIST when the real recordings are not available, and are always named as simulated.

The camera moves along a triangle. The image moves over its field of 34 x 34 pixels by
    d(t) = c_k + (c_k+1 - c_k) * (s - sin(2 pi s) / (2 pi)),   s = t / 100 ms - k,   k = 0, 1, 2,
where c are the corners of the path. Each saccade starts and ends at rest. A pixel at (x, y) sees
    L(t) = ln(dark + image((x, y) - d(t)) / 255),
interpolated linearly between the image's pixels. It remembers a level M, at first L(0). It sends an ON event when
L - M reaches its threshold, and an OFF event when M - L does. Then it is blind for the refractory time, at the end of
which M becomes L. Times are jittered. See docs/simulated_nmnist.md for sources, statistics and limits.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from nalsm.datasets import mnist, nmnist
from nalsm.datasets.packing import NMNIST_CODE, Source, is_packed, pack
from nalsm.encoding import SENSOR_SIZE
from nalsm.support.compiling import compiled
from nalsm.support.errors import DamagedFile, UserError
from nalsm.support.random_streams import stream

_PADDING = SENSOR_SIZE  # dark pixels around the image, more than it is ever moved
_TYPICAL_EVENTS = 4_500  # in a recording, to estimate the space they need
_VERSION = 1  # of the simulator; raised when the recordings of a seed change


@dataclass(frozen=True)
class Camera:
    """Path and pixels of the camera; docs/simulated_nmnist.md gives the sources of the numbers.

    corners : positions of the image's upper left corner at the ends of the three saccades, (x, y) in pixels
    saccade_ms : duration of each saccade
    dark : brightness of a black pixel of the screen; a white one is brighter by 1
    threshold : change of log brightness that makes an event
    mismatch : relative standard deviation of the threshold over pixels
    refractory_ms : how long a pixel is blind after an event
    jitter_ms : standard deviation of the error of an event's time
    """

    corners: tuple[tuple[float, float], ...] = ((-0.5, -0.5), (3.0, 6.5), (6.5, -0.5), (-0.5, -0.5))
    saccade_ms: int = 100
    dark: float = 0.2
    threshold: float = 0.31
    mismatch: float = 0.02
    refractory_ms: float = 1.0
    jitter_ms: float = 0.1

    def path(self) -> np.ndarray:
        """Return the position of the image at every ms: float64 [3 * saccade_ms + 1, 2], (x, y) in pixels."""
        s = np.arange(self.saccade_ms + 1) / self.saccade_ms
        travelled = (s - np.sin(2 * np.pi * s) / (2 * np.pi))[:, None]
        corners = np.array(self.corners)
        legs = [corners[k] + travelled[1:] * (corners[k + 1] - corners[k]) for k in range(len(corners) - 1)]
        return np.concatenate([corners[:1], *legs])

    def thresholds(self, seed: int) -> np.ndarray:
        """Return the thresholds of the ON and OFF events of each pixel: float64 [2, 34, 34].

        They belong to the camera: all recordings of a seed have the same thresholds.
        """
        deviation = stream(seed, "simulated camera").normal(0, self.mismatch, (2, SENSOR_SIZE, SENSOR_SIZE))
        return self.threshold * np.maximum(1 + deviation, 0.1)


class Simulator:
    """A camera whose pixels are drawn from a seed; `record` turns images into recordings."""

    def __init__(self, seed: int = 0, camera: Camera | None = None):
        self.seed, self.camera = seed, camera or Camera()
        path = self.camera.path()[:, ::-1]  # as (y, x)
        whole = np.floor(-path)
        self._shift, self._share = _PADDING + whole.astype(np.int64), -path - whole
        self._thresholds = self.camera.thresholds(seed)
        self._end_ms = len(path) - 1
        self._most = SENSOR_SIZE**2 * (int(len(path) / self.camera.refractory_ms) + 2)

    def record(self, image: np.ndarray, number: int) -> tuple[np.ndarray, ...]:
        """Return the events (x, y, p, t_us) of a recording of an image: int64 [n] each, ordered by time.

        image : uint8 [28, 28]; number : with the seed it determines the jitter
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
        return NMNIST_CODE.decode(NMNIST_CODE.encode(pixel % SENSOR_SIZE, pixel // SENSOR_SIZE, p, t_us))


@compiled
def _record(image, shift, share, thresholds, dark, refractory, inputs, times):
    """Write the events of all pixels, one pixel after another, and return their number.

    image : float64 [28 + 2 * padding, 28 + 2 * padding] in 0..1
    shift, share : int64 and float64 [steps + 1, 2]; where a pixel looks, as whole pixels (y, x) and the fraction
    inputs, times : int32 and float64 [most]; written
    """
    n = 0
    log_dark = np.log(dark)
    top, bottom = shift[:, 0].min(), shift[:, 0].max() + 2  # rows that the pixel at (0, 0) sees
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


def split_count(count: int) -> tuple[int, int]:
    """Return how many of `count` recordings are in the training set and in the test set: six to one."""
    n_test = count // 7
    return count - n_test, n_test


def simulated_source(data_dir: Path, count: int, seed: int, camera: Camera | None = None) -> Source:
    """Return the Source of recordings of MNIST's first images; each is simulated when it is asked for.

    data_dir : folder of mnist.npz; count : 7..70,000, training and test set together
    Raises UserError if mnist.npz is missing, DamagedFile if it is damaged.
    """
    simulator, arrays = Simulator(seed, camera), mnist.read(mnist.find(data_dir))
    n_train, n_test = split_count(count)
    first_test = len(arrays["x_train"])  # number of the first test image
    images = np.concatenate([arrays["x_train"][:n_train], arrays["x_test"][:n_test]])
    labels = np.concatenate([arrays["y_train"][:n_train], arrays["y_test"][:n_test]])
    if len(labels) != count:
        raise DamagedFile(f"MNIST: mnist.npz in {data_dir} is not complete; restore it with git checkout")

    def events(place: int) -> tuple[np.ndarray, ...]:
        return simulator.record(images[place], place if place < n_train else first_test + place - n_train)

    origin = {"simulator": _VERSION, "recordings": [n_train, n_test], "seed": seed, "camera": asdict(simulator.camera)}
    return Source(nmnist.SIMULATED_NAME, labels, n_train, events, origin, _TYPICAL_EVENTS * count)


def simulate(source: Source, path: Path, overwrite: bool = False, quiet: bool = False) -> None:
    """Simulate the recordings of a Source into a packed folder.

    The same call resumes an interrupted simulation. Raises UserError if the folder is complete, unless `overwrite` is
    set.
    """
    if is_packed(path) and not overwrite:
        raise UserError(f"{source.name}: {path} exists already; replace it with --overwrite")
    path.parent.mkdir(parents=True, exist_ok=True)
    pack(source, path, overwrite, quiet)
