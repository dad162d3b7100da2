"""Damaged files, in numbers: python tests/campaigns/damage.py --help

Every file of a run at every stage, and of a finished run, is damaged in every way, one at a time: resuming makes the
same contents again, or a line names the file; programs that print results print the same, or a line names the file.
"""

import argparse
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from damages import (
    ALL,
    STAGES,
    damage_with,
    fits,
    flipped,
    leave_at,
    look_at_damaged,
    of_another_batch,
    of_another_run,
    resume_damaged,
)
from fault_tools import MEASURES, MODELS, Launcher, SmallRun


def files_of(folder):
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith((".", "report")))


def trials(run, seed, flips):
    """Yield (what, function) for every damage of every file of one run."""
    whole, others, at_stage = (run.place / name for name in ("whole", "others", "stage"))
    run.clear()
    assert run.run("--seed=6").returncode == 0
    run.measure()
    shutil.move(run.folder, others)
    assert run.run().returncode == 0
    measured = run.measure()
    shutil.copytree(run.folder, whole)

    def damages(path):
        for damage in ALL:
            alone = sum(p.suffix == path.suffix for p in path.parent.iterdir()) < 2
            if not fits(damage, path) or (damage == of_another_batch and alone):
                continue
            if damage == of_another_run and not (others / path.name).exists():
                continue
            for number in range(flips if damage == flipped else 1):
                yield damage, f"{seed} {number}"

    def resume(path, damage, number):
        run.clear()
        shutil.copytree(at_stage, run.folder)
        damage_with(damage, path, number, others)
        return resume_damaged(run, [path], (damage, path))

    def look(path, damage, number):
        run.clear()
        shutil.copytree(whole, run.folder)
        damage_with(damage, path, number, others)
        outcomes = [look_at_damaged(run, name, flags, measured[name], [path], damage) for name, flags in MEASURES]
        return "refused" if "refused" in outcomes else "same result"

    for stage in STAGES:
        leave_at(run, stage)
        shutil.rmtree(at_stage, ignore_errors=True)
        shutil.copytree(run.folder, at_stage)
        for path in files_of(run.folder):
            for damage, number in list(damages(at_stage / path.name)):
                yield f"{stage}:", lambda path=path, damage=damage, number=number: resume(path, damage, number)
    for path in files_of(whole):
        for damage, number in damages(path):
            path_ = run.folder / path.name
            yield "finished:", lambda path=path_, damage=damage, number=number: look(path, damage, number)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--flips", type=int, default=3, help="flipped bits of each file, one at a time")
    parser.add_argument("--seed", type=int, default=1, help="of the places")
    parser.add_argument("--model", choices=MODELS, action="append")
    wanted = parser.parse_args()
    counts, failures = Counter(), 0
    with tempfile.TemporaryDirectory() as place:
        launcher = Launcher("event", f"{place}/out")
        for model in wanted.model or ["NALSM"]:
            run = SmallRun(launcher, f"{place}/{model}", model).complete()
            for what, try_it in trials(run, wanted.seed, wanted.flips):
                try:
                    counts[f"{what} {try_it()}"] += 1
                except Exception:
                    failures += 1
                    traceback.print_exc()
        launcher.close()
    print(", ".join(f"{kind} {n}" for kind, n in counts.items()), f"- together {sum(counts.values())}")
    print(f"{failures} failures")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
