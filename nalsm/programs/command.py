"""The command `nalsm`: every program under one name. A program is imported when it is chosen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import click

from nalsm.runs.settings import default_root

_SPELLING = (
    "BATCHS, INTIAL and THESHOLD are spelled as published, because scripts use these names. Every flag with such a "
    "name also has one in plain spelling."
)


@dataclass(frozen=True)
class _Entry:
    """A command in a list of commands.

    load : returns the command; called when it is chosen
    section : heading that it is listed under
    """

    help: str
    load: Callable[[], click.Command]
    section: str = "Commands"


class _Choice(click.Group):
    """A group that knows names and one line of help; names are understood in any case.

    title : what is chosen, in messages
    """

    def __init__(self, name: str, title: str, table: Mapping[str, _Entry], text: str, epilog: str = "") -> None:
        super().__init__(
            name, help=text, epilog=epilog, invoke_without_command=True, callback=self._choose,
            subcommand_metavar=f"{title} ...",
        )  # fmt: skip
        self.title, self.table = title, table

    def _choose(self) -> None:
        context = click.get_current_context()
        if context.invoked_subcommand is None:
            click.echo(context.get_help())

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self.table.get(cmd_name.lower())
        return entry.load() if entry else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        command = self.get_command(ctx, args[0])
        if command is None:
            raise click.UsageError(f"{self.title}: read {args[0]!a}, expected {' or '.join(self.table)}")
        return args[0].lower(), command, args[1:]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section in dict.fromkeys(entry.section for entry in self.table.values()):
            with formatter.section(section):
                formatter.write_dl(
                    [(name, entry.help) for name, entry in self.table.items() if entry.section == section]
                )


def nalsm() -> click.Command:
    """Return the command, which works in the checkout it belongs to, or else in the current folder."""
    table = {
        "network": _Entry("Generate the network of a liquid.", _network, "Train"),
        "train": _Entry("Train a model on a data set: nalsm train MODEL DATA.", _train, "Train"),
        "measure": _Entry("Compute all measures of a run that are not computed yet.", _measure, "Inspect"),
        "report": _Entry("Write a page of pictures on a run, or compare several.", _report, "Inspect"),
        "runs": _Entry("List the runs.", _runs, "Inspect"),
        "ridge": _Entry("State how far the ridge readout is from the published one, over runs.", _ridge, "Many runs"),
        "sweep": _Entry("Run the cells of sweeps, and write the page of results.", _sweep, "Many runs"),
        "data": _Entry("Download, pack or simulate data sets.", _data, "Data sets"),
    }
    text = """Train, compare and inspect liquid state machines with neuron-astrocyte plasticity.

    To begin: nalsm network, then nalsm train nalsm mnist. Each asks for what it needs; every question has a flag.
    Results are in train_data/ver_<VERSION>.
    """
    return _Choice("nalsm", "COMMAND", table, text, _SPELLING)


def _train() -> click.Command:
    from nalsm.datasets import DATA_SOURCES, OWN
    from nalsm.models import MODELS

    def of_model(model: str) -> click.Command:
        table = {
            "own" if data == OWN else data.lower(): _Entry(
                f"Train {model} on {data}.", partial(_training, model, data), "Data sets"
            )
            for data in (*DATA_SOURCES, OWN)
        }
        return _Choice(model, "DATA", table, f"Train {model} on a data set: initialise, count, train the readout.")

    table = {
        model.lower().replace("lsm+", "lsm-").replace("ap-", "ap"): _Entry(
            f"Train {model}.", partial(of_model, model), "Models"
        )
        for model in MODELS
    }
    return _Choice("train", "MODEL", table, "Train a model on a data set: nalsm train MODEL DATA.")


def _training(model: str, dataset: str) -> click.Command:
    from nalsm.programs.train import training_command

    return training_command(model, dataset, default_root())


def _network() -> click.Command:
    from nalsm.programs.network import network_command

    return network_command(default_root())


def _measure() -> click.Command:
    from nalsm.programs.measures import measure_command

    return measure_command(default_root())


def _report() -> click.Command:
    from nalsm.programs.report import report_command

    return report_command(default_root())


def _runs() -> click.Command:
    from nalsm.programs.runs import main

    return main


def _ridge() -> click.Command:
    from nalsm.programs.ridge import main

    return main


def _sweep() -> click.Command:
    from nalsm.programs.sweep import main

    return main


def _data() -> click.Command:
    from nalsm.programs.datasets import commands

    return commands
