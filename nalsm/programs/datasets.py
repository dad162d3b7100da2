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
    state = "exists already and is sound; replace it with --overwrite" if exists else "packed and checked"
    click.echo(f"{packed.name}, {n_train} + {n_test} recordings, {packed.offsets[-1]} events: {path} ({state})")


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
