"""python -m nalsm.datasets: prepare data sets."""

from pathlib import Path

import click

from nalsm.console.questions import PathType
from nalsm.runs.settings import default_folder
from nalsm.support.random_streams import SEED_LIMIT
from nalsm.support.tuning import TUNING

_data_dir = click.option(
    "--data-dir", type=PathType(), default=default_folder("data_dir"), show_default=True,
    help="Folder of the data sets.",
)  # fmt: skip
_overwrite = click.option("--overwrite", is_flag=True, help="Replace existing recordings.")
_quiet = click.option("--quiet", is_flag=True, help="Print no progress.")


@click.group(invoke_without_command=True)
@click.pass_context
def commands(context: click.Context) -> None:
    """Prepare data sets for the programs."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@commands.command()
@_data_dir
@_quiet
def download_nmnist(data_dir: Path, quiet: bool) -> None:
    """Download N-MNIST (1.2 GB) into NMNIST in the data folder, with tonic."""
    from nalsm.datasets import DATA_SOURCES, nmnist

    TUNING.before_work()
    data_dir.mkdir(parents=True, exist_ok=True)
    folder = nmnist.download(data_dir, DATA_SOURCES[nmnist.NAME].published_sizes, quiet)
    click.echo(f"N-MNIST: complete in {folder}; the first run packs it, or pack-nmnist")


@commands.command()
@_data_dir
@_overwrite
@_quiet
def pack_nmnist(data_dir: Path, overwrite: bool, quiet: bool) -> None:
    """Pack the recordings of N-MNIST into one folder; if that exists already, check it.

    Programs that need the recordings pack them themselves.
    """
    from nalsm.datasets import DATA_SOURCES, nmnist
    from nalsm.datasets.packing import PackedRecordings, is_packed

    path = nmnist.find_folder(data_dir) if overwrite else nmnist.find(data_dir)
    exists = is_packed(path) and not overwrite
    if not exists:
        TUNING.before_work()
        path = nmnist.pack_folder(path, DATA_SOURCES[nmnist.NAME].published_sizes, overwrite, quiet)
    packed = PackedRecordings(path)
    packed.verify()
    n_train, n_test = packed.n_train, len(packed) - packed.n_train
    maker = "simulate-nmnist" if packed.name == nmnist.SIMULATED_NAME else "pack-nmnist"
    state = f"exists already and is sound; replace it with {maker} --overwrite" if exists else "packed and checked"
    click.echo(f"{packed.name}, {n_train} + {n_test} recordings, {packed.offsets[-1]} events: {path} ({state})")


@commands.command()
@click.argument("name")
@_data_dir
@click.option("--output", type=PathType(), help="Folder to pack into (default: <NAME>-packed in the data folder).")
@click.option("--bin-ms", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True,
              help="Length of a time bin, which is shown for 1 ms of the liquid.")  # fmt: skip
@click.option("--duration-ms", type=click.FloatRange(0, min_open=True),
              help="Drop later events (default: the longest recording, at most 10,000 bins).")  # fmt: skip
@click.option("--downsample", type=click.IntRange(1, 1_000), default=1, show_default=True,
              help="Side of the squares of pixels that become one input.")  # fmt: skip
@_overwrite
@_quiet
def pack_tonic(
    name: str, data_dir: Path, output: Path | None, bin_ms: float, duration_ms: float | None, downsample: int,
    overwrite: bool, quiet: bool,
) -> None:  # fmt: skip
    """Pack a data set of tonic (SHD, SSC, DVSGesture, ...) into a folder that the *_SIM_OWN programs take.

    Tonic keeps it in <data folder>/<NAME>, and downloads what is missing.
    """
    from nalsm.datasets.own_events import pack_events, require_new
    from nalsm.datasets.tonic_sets import tonic_recordings

    path = output or data_dir / f"{name.lower()}-packed"
    require_new(path, overwrite)
    TUNING.before_work()
    name, recordings, sensor_size = tonic_recordings(name, data_dir)
    own = pack_events(
        path, **recordings, sensor_size=sensor_size, duration_ms=duration_ms, bin_ms=bin_ms, downsample=downsample,
        origin=f"tonic {name}", overwrite=overwrite, quiet=quiet,
    )  # fmt: skip
    click.echo(
        f"{name}: {own.sizes[0]:,} + {own.sizes[1]:,} + {own.sizes[2]:,} recordings, {len(own.classes)} classes, "
        f"{own.n_inputs:,} inputs, {own.duration:,} bins of {bin_ms:g} ms: {path}"
    )


@commands.command()
@_data_dir
@click.option("--count", type=click.IntRange(7, 70_000), default=70_000, show_default=True,
              help="Recordings of the training and test set together, six to one.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, SEED_LIMIT - 1), default=0, show_default=True)
@_overwrite
@_quiet
def simulate_nmnist(data_dir: Path, count: int, seed: int, overwrite: bool, quiet: bool) -> None:
    """Simulate recordings like N-MNIST's from MNIST's images, into one packed folder in the data folder.

    They are no replacement for the real ones, and are named as simulated everywhere.
    """
    from nalsm.datasets import nmnist, simulated_nmnist

    path = data_dir / nmnist.PACKED_SIMULATED
    source = simulated_nmnist.simulated_source(data_dir, count, seed)
    TUNING.before_work()
    simulated_nmnist.simulate(source, path, overwrite, quiet)
    click.echo(f"{source.name}, {source.n_train} + {count - source.n_train} recordings, seed {seed}: {path}")
