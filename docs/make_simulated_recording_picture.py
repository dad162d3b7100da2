"""Draw docs/simulated_recording.png: a digit and what the simulated event camera makes of it.

Run from anywhere: python docs/make_simulated_recording_picture.py [number of the MNIST training image, from 0]
"""

import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from nalsm.datasets import mnist
from nalsm.datasets.simulated_nmnist import Camera, Simulator
from nalsm.encoding import SENSOR_SIZE

DOCS = Path(__file__).resolve().parent
ON, OFF = "#0072B2", "#D55E00"  # blue and vermilion of Okabe and Ito's palette
WINDOW_MS = 10  # of each saccade that is shown as an image
KINDS = ((1, "ON (brighter)", ON, "s"), (0, "OFF (darker)", OFF, "D"))


def main(number):
    arrays = mnist.read(DOCS.parent / "datasets" / "mnist.npz")
    image, label = arrays["x_train"][number], arrays["y_train"][number]
    camera = Camera()
    x, y, p, t_us = Simulator(0, camera).record(image, number)
    plt.rcParams.update({"font.size": 10, "axes.titlesize": 10.5})
    figure = plt.figure(figsize=(11, 7.2), layout="constrained")
    grid = figure.add_gridspec(3, 4, height_ratios=(3, 2.3, 1.3))
    draw_digit(figure.add_subplot(grid[0, 0]), image, f"MNIST training image {number}: a {label}")
    for saccade in range(3):
        draw_saccade(figure.add_subplot(grid[0, saccade + 1]), saccade, camera, x, y, p, t_us / 1000)
    positions = figure.add_subplot(grid[1, :])
    draw_positions(positions, camera, y, p, t_us / 1000)
    draw_rates(figure.add_subplot(grid[2, :], sharex=positions), camera, p, t_us / 1000)
    figure.suptitle(f"SIMULATED recording (not N-MNIST): {len(x)} events, {100 * p.mean():.0f} % ON")
    figure.savefig(DOCS / "simulated_recording.png", dpi=110)


def draw_digit(axes, image, title):
    axes.imshow(image, cmap="gray")
    axes.set(title=title, xlabel="x (pixels)", ylabel="y (pixels)")


def draw_saccade(axes, saccade, camera, x, y, p, ms):
    middle = (saccade + 0.5) * camera.saccade_ms
    near = abs(ms - middle) <= WINDOW_MS / 2
    for polarity, _, colour, marker in KINDS:
        chosen = near & (p == polarity)
        axes.scatter(x[chosen], y[chosen], s=15, c=colour, marker=marker, linewidths=0)
    begin, end = (np.array(camera.corners[saccade + k]) for k in (0, 1))
    centre, half = np.array([29.5, 29.5]), (end - begin) * 0.4  # in a corner where no digit comes
    arrow = {"arrowstyle": "-|>", "color": "black", "lw": 1.5}
    axes.annotate("", centre + half, centre - half, arrowprops=arrow)
    axes.set(xlim=(-0.5, SENSOR_SIZE - 0.5), ylim=(SENSOR_SIZE - 0.5, -0.5), aspect="equal", xlabel="x (pixels)")
    axes.set_title(f"saccade {saccade + 1}, {middle - WINDOW_MS / 2:.0f} to {middle + WINDOW_MS / 2:.0f} ms")
    axes.text(25.5, 29.5, "image\nmoves", ha="right", va="center", fontsize=8)


def draw_positions(axes, camera, y, p, ms):
    for polarity, name, colour, _ in KINDS:
        chosen = p == polarity
        shift = 0.18 if polarity else -0.18  # so that neither kind hides the other
        axes.scatter(ms[chosen], y[chosen] + shift, s=2.5, c=colour, linewidths=0, label=name)
    axes.set(ylim=(SENSOR_SIZE - 0.5, -0.5), ylabel="y (pixels)", title="all events of the recording")
    axes.legend(loc="lower right", bbox_to_anchor=(1, 0.98), markerscale=5, frameon=False, ncols=2)
    axes.tick_params(labelbottom=False)
    mark_saccades(axes, camera)


def draw_rates(axes, camera, p, ms):
    edges = np.arange(0, 3 * camera.saccade_ms + 1, 5)
    for polarity, _, colour, _ in KINDS:
        counts, _ = np.histogram(ms[p == polarity], edges)
        axes.stairs(counts / np.diff(edges), edges, color=colour, lw=1.6, ls="-" if polarity else "--")
    axes.set(xlabel="time (ms)", ylabel="events per ms", xlim=(0, 3 * camera.saccade_ms), ylim=(0, None))
    mark_saccades(axes, camera)


def mark_saccades(axes, camera):
    for saccade in (1, 2):
        axes.axvline(saccade * camera.saccade_ms, color="0.4", lw=1, ls=":")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
