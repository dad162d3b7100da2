"""Get data sets ready: python -m nalsm.datasets --help"""

from pathlib import Path

import click

from nalsm.console.questions import PathType
from nalsm.support.random_streams import SEED_LIMIT

_CHECKOUT = Path(__file__).resolve().parents[2]
_DATA_DIR = _CHECKOUT / "datasets" if (_CHECKOUT / "pyproject.toml").is_file() else Path("datasets")
_FOLDER = PathType()

_data_dir = click.option(
    "--data-dir", type=_FOLDER, default=_DATA_DIR, show_default=True, help="Folder of the data sets."
)
_overwrite = click.option("--overwrite", is_flag=True, help="Replace what is there.")


@click.group(invoke_without_command=True)
@click.pass_context
def commands(context):
    """Get data sets ready for the programs."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@commands.command()
@_data_dir
def download_nmnist(data_dir):
    """Download N-MNIST (1.2 GB) into NMNIST in the data folder, with tonic."""
    from nalsm.datasets import nmnist

    data_dir.mkdir(parents=True, exist_ok=True)
    click.echo(f"N-MNIST: complete in {nmnist.download(data_dir)}; it is packed by its first use, or by pack-nmnist")


@commands.command()
@_data_dir
@_overwrite
def pack_nmnist(data_dir, overwrite):
    """Pack the recordings in the data folder into one file; if it is there already, check it.

    The programs pack recordings themselves when they need them. Real recordings come before simulated ones.
    """
    from nalsm.datasets import nmnist
    from nalsm.datasets.packing import PackedRecordings

    path = nmnist.find_folder(data_dir) if overwrite else nmnist.find(data_dir)
    is_packed = path.is_file()
    if not is_packed:
        path = nmnist.pack_folder(path, overwrite=overwrite)
    packed = PackedRecordings(path)
    packed.verify()
    n_train, n_test = packed.n_train, len(packed) - packed.n_train
    state = "is there already and sound; --overwrite packs afresh" if is_packed else "packed and checked"
    click.echo(f"{packed.name}, {n_train} + {n_test} recordings, {packed.offsets[-1]} events: {path} ({state})")


@commands.command()
@_data_dir
@click.option("--count", type=click.IntRange(7, 70_000), default=70_000, show_default=True,
              help="Recordings of the training and test set together, six to one.")  # fmt: skip
@click.option("--out", type=_FOLDER, help="Folder of the recordings.  [default: simulated-nmnist in the data folder]")
@click.option("--seed", type=click.IntRange(0, SEED_LIMIT - 1), default=0, show_default=True)
@click.option("--packed-only", is_flag=True, help="Make the packed file beside the folder, but no .bin files.")
@_overwrite
def simulate_nmnist(data_dir, count, out, seed, packed_only, overwrite):
    """Simulate recordings in N-MNIST's format from MNIST's images.

    They are no replacement for the real ones, and marked as simulated wherever they go.
    """
    from nalsm.datasets import nmnist, simulated_nmnist

    folder = out or data_dir / nmnist.SIMULATED_FOLDER
    source = simulated_nmnist.simulated_source(data_dir, count, seed)
    if packed_only:
        result = folder.parent / nmnist.PACKED_SIMULATED
        simulated_nmnist.simulate_packed(source, result, overwrite)
    else:
        result = folder
        simulated_nmnist.simulate_folder(source, result, overwrite)
    click.echo(f"{source.name}, {source.n_train} + {count - source.n_train} recordings, seed {seed}: {result}")


if __name__ == "__main__":
    from nalsm.console.program import run_program

    run_program(commands)
