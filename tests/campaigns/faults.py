"""Kills, power cuts and damaged files, in numbers: python tests/campaigns/faults.py --help

Small runs are killed or stopped by a signal, lose power, or have a file damaged; then the same answers have to lead to
the contents of the uninterrupted run, or one line names the damaged file. Exit code 1 for any failure.
"""

import argparse
import random
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

import damages
from fault_tools import ENGINES, MEASURES, MODELS, SIGNAL_CODES, Launcher, SmallRun, instants
from power_cuts import states_of


def kills(run, n, random_):
    """Yield a function for each trial, which makes it and returns {what was done: how often}."""
    last = len(run.operations)

    def trial(kind, lose, *arguments):
        def lose_and_finish():
            run.clear()
            done = lose(*arguments)
            run.finish(kind)
            return {kind: done if isinstance(done, int) else done.returncode != 0}

        return lose_and_finish

    for seconds in instants(random_.random(), n, run.seconds):
        yield trial("kills by the clock", run.lose_after, seconds)
    for at in random_.sample(range(1, last + 1), min(n, last)):
        yield trial("kills at an operation", run.lose, at)
        if run.operations[at - 1][0] == "sync":
            yield trial("kills within a write", run.lose, at, "cut SIGKILL")
    for _ in range(n // 10):
        steps = [random_.randint(4, last // 3) for _ in range(100)]
        yield trial("kills in a row", run.lose_again_and_again, steps)
    for number, seconds in enumerate(instants(random_.random(), n // 2, run.seconds)):
        name = list(SIGNAL_CODES)[number % len(SIGNAL_CODES)]
        yield trial(f"{name} by the clock", run.lose_after, seconds, name)
        yield trial(f"{name} at an operation", run.lose, random_.randint(1, last), name)


def power_cuts(run, n, random_):
    """The same for everything that a power cut may leave on the disk; about n states."""
    found = [*states_of(run.record(), run.place, random_.random())]

    def go_on(after, state, broken):
        assert not broken, f"lost after {after} operations: {broken}"
        run.go_on_from(state, after)
        return {"states": 1}

    for cut in found[:: -(-len(found) // n)]:
        yield lambda cut=cut: go_on(*cut)


def damage(run, n, random_):
    """The same for every damage of every file at every stage; n flipped bits of each file, one at a time."""
    whole, others, at_stage = (run.place / name for name in ("whole", "others", "stage"))
    run.clear()
    assert run.run("--seed=6").returncode == 0
    run.measure()
    shutil.move(run.folder, others)
    assert run.run().returncode == 0
    measured = run.measure()
    shutil.copytree(run.folder, whole)

    def damaged(source, path, how, seed):
        """Put a folder in place and damage a file of it."""
        run.clear()
        shutil.copytree(source, run.folder)
        damages.damage_with(how, path, seed, others)

    def resume(stage, path, how, seed):
        damaged(at_stage, path, how, seed)
        return {f"{stage}: {damages.resume_damaged(run, [path], (how, path))}": 1}

    def look(path, how, seed):
        damaged(whole, path, how, seed)
        outcomes = [damages.look_at_damaged(run, *m, measured[m[0]], [path], how) for m in MEASURES]
        return {f"finished: {'refused' if 'refused' in outcomes else 'same result'}": 1}

    def trials(source, try_it):
        for path in damages.files_of(source):
            for how in damages.ALL:
                if damages.is_possible(how, path, others):
                    for _ in range(n if how == damages.flipped else 1):
                        seed = random_.random()
                        yield lambda path=path, how=how, seed=seed: try_it(run.folder / path.name, how, seed)

    for stage in damages.STAGES:
        damages.leave_at(run, stage)
        shutil.rmtree(at_stage, ignore_errors=True)
        shutil.copytree(run.folder, at_stage)
        yield from trials(at_stage, partial(resume, stage))
    yield from trials(whole, look)


FAULTS = {"kills": (kills, 20), "power_cuts": (power_cuts, 10_000), "damage": (damage, 3)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faults", choices=FAULTS)
    parser.add_argument("--trials", type=int, help="by the clock and at operations; states; flipped bits of each file")
    parser.add_argument("--seed", type=int, default=1, help="of all instants and places")
    parser.add_argument("--engine", choices=ENGINES, action="append", help="default: event")
    parser.add_argument("--model", choices=MODELS, action="append", help="default: all")
    options = parser.parse_args()
    (trials, usual), together, failures = FAULTS[options.faults], Counter(), 0
    with tempfile.TemporaryDirectory() as place:
        for engine in options.engine or ["event"]:
            launcher = Launcher(engine, f"{place}/out")
            for model in options.model or MODELS:
                run = SmallRun(launcher, f"{place}/{engine}/{model}", model, [f"--engine={engine}"]).complete()
                own, random_ = Counter(), random.Random(f"{options.seed} {engine} {model}")
                for try_it in trials(run, options.trials or usual, random_):
                    try:
                        own.update(try_it())
                    except Exception:
                        failures += 1
                        traceback.print_exc()
                print(f"{model}, {engine}: {', '.join(f'{n} {kind}' for kind, n in own.items())}", flush=True)
                together += own
            launcher.close()
    print(f"together: {', '.join(f'{n} {kind}' for kind, n in together.items())}; {failures} failures")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
