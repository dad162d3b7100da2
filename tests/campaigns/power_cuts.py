"""Power cuts, in numbers: python tests/campaigns/power_cuts.py --help

A small run is recorded, file operation by file operation. For every point of it, everything that a power cut may leave
on the disk is put in place, and the same answers have to lead to the contents of the uninterrupted run.
"""

import argparse
import sys
import tempfile
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from fault_tools import ENGINES, MODELS, Launcher, SmallRun
from power_cuts import states_of


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--step", type=int, default=1, help="try every n-th state")
    parser.add_argument("--seed", type=int, default=1, help="of the mixtures of changes that are there and not")
    parser.add_argument("--engine", choices=ENGINES, default="event")
    parser.add_argument("--model", choices=MODELS, action="append")
    wanted = parser.parse_args()
    together = failures = 0
    with tempfile.TemporaryDirectory() as place:
        launcher = Launcher(wanted.engine, f"{place}/out")
        for model in wanted.model or MODELS:
            run = SmallRun(launcher, f"{place}/{model}", model, [f"--engine={wanted.engine}"]).complete()
            operations = run.record()
            tried = points = 0
            for number, (n, state, broken) in enumerate(states_of(operations, run.place, wanted.seed)):
                points = n
                if number % wanted.step:
                    continue
                tried += 1
                try:
                    assert not broken, f"lost after {n} operations: {broken}"
                    run.go_on_from(state, n)
                except Exception:
                    failures += 1
                    traceback.print_exc()
            print(f"{model}, {wanted.engine}: {tried} states after 0 to {points} operations", flush=True)
            together += tried
        launcher.close()
    print(f"together: {together} states, {failures} failures")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
