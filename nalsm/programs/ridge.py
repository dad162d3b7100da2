"""The command that states how far the ridge readout is from the published one, over finished runs."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

import click

from nalsm.console.progress import say
from nalsm.programs.options import folder_option
from nalsm.programs.runs import notes_of
from nalsm.runs.listing import list_runs
from nalsm.runs.names import SPLITS
from nalsm.runs.readouts import PUBLISHED, STRENGTHS
from nalsm.support.errors import UserError


class Distance(NamedTuple):
    """Test accuracies (percent) of both readouts of one run; strength : of the ridge readout's penalty."""

    version: int
    setting: str
    published: float
    ridge: float
    strength: float

    @property
    def difference(self) -> float:
        """Ridge minus published, in percentage points."""
        return self.ridge - self.published


@click.command()
@click.argument("versions", nargs=-1, type=int)
@folder_option("output_dir")
def main(versions: Sequence[int], output_dir: Path) -> None:
    """Fit the ridge readout to the counts of finished runs (VERSIONS, or all), and compare test accuracies.

    Nothing is written. The runs keep the accuracy of the readout that they were made with.
    """
    found = {status.version: status for status in list_runs(output_dir) if status.version is not None}
    chosen = list(dict.fromkeys(versions)) or [
        version for version, status in found.items() if (status.state, status.readout) == ("finished", PUBLISHED)
    ]
    for version in versions:
        status = found.get(version)
        if status is None or status.state != "finished" or status.readout != PUBLISHED:
            raise UserError(f"VERSION: {version} is no finished run with the published readout in {output_dir}")
    if not chosen:
        raise UserError(f"--output-dir: there are no finished runs with the published readout in {output_dir}")
    say("| version | setting | published readout | ridge | strength | difference |\n|---|---|---|---|---|---|")
    distances = []
    for distance in map_distances(chosen, output_dir):
        distances.append(distance)
        say(
            f"| {distance.version} | {distance.setting} | {distance.published:.2f} | {distance.ridge:.2f} | "
            f"{distance.strength:.2g} | {distance.difference:+.2f} |"
        )
    say("\n| setting | runs | mean difference | s.d. |\n|---|---|---|---|")
    for setting in dict.fromkeys(distance.setting for distance in distances):
        values = [distance.difference for distance in distances if distance.setting == setting]
        spread = f"{stdev(values):.2f}" if len(values) > 1 else "-"
        say(f"| {setting} | {len(values)} | {mean(values):+.2f} | {spread} |")


def map_distances(versions: Sequence[int], output_dir: Path) -> Iterator[Distance]:
    """Yield the Distance of each run; raises Missing if some of its counts are not there."""
    from nalsm.readout import CountBlock
    from nalsm.runs.ridge_training import fit_ridge
    from nalsm.runs.trained_run import load_run

    for version in versions:
        run = load_run(version, output_dir)
        size, counts, labels = run.record.batch_size, run.counts, run.labels
        blocks = {
            split: [CountBlock.pack(counts[split].reshape(-1, size, counts[split].shape[1]),
                                    labels[split].reshape(-1, size))]
            for split in SPLITS
        }  # fmt: skip
        n_liquid = counts["test"].shape[1]
        ridge = fit_ridge(blocks, n_liquid, len(run.record.source.classes)).result()
        published = 100 * float(run.accuracies["test"][run.best_cycle - 1])
        model, about = run.record.model, [*run.record.model.describe_knobs(run.record.knobs), *notes_of(run.record)]
        setting = ", ".join([f"{model.name} on {run.record.dataset}", f"{n_liquid:,} neurons", *about])
        yield Distance(version, setting, published, 100 * ridge.test, STRENGTHS[ridge.cycle - 1])
