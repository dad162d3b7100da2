"""Kills and signals, in numbers: python tests/campaigns/kills.py --help

Small runs of all models and engines are killed, or stopped by a signal, by the clock and at file operations; then the
same answers have to lead to the contents of the uninterrupted run. Prints what was tried; exit code 1 for any failure.
"""

import argparse
import random
import sys
import tempfile
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from fault_tools import ENGINES, MODELS, SIGNAL_CODES, ColdLauncher, Launcher, SmallRun, instants


def trials(run, wanted, random_):
    """Yield (kind, function) of everything that one run of one model and engine goes through."""
    n_operations = len(run.operations)
    for seconds in instants(random_.random(), wanted.kills, run.seconds):
        yield "kills by the clock", lambda seconds=seconds: run.lose_after(seconds)
    at = range(1, n_operations + 1) if wanted.every else random_.sample(range(1, n_operations + 1), wanted.exact)
    for n in at:
        yield "kills at an operation", lambda n=n: run.lose(n)
        if run.operations[n - 1][0] == "sync":
            yield "kills within a write", lambda n=n: run.lose(n, "cut SIGKILL")
    for _ in range(wanted.rows):
        steps = [random_.randint(4, n_operations // 3) for _ in range(100)]
        yield "kills in a row", lambda steps=steps: run.lose_again_and_again(steps)
    for k, seconds in enumerate(instants(random_.random(), wanted.signals, run.seconds)):
        name = list(SIGNAL_CODES)[k % len(SIGNAL_CODES)]
        yield f"{name} by the clock", lambda seconds=seconds, name=name: run.lose_after(seconds, name)
        n = random_.randint(1, n_operations)
        yield f"{name} at an operation", lambda n=n, name=name: run.lose(n, name)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20, help="by the clock, for each model and engine")
    parser.add_argument("--exact", type=int, default=20, help="at file operations, for each model and engine")
    parser.add_argument("--every", action="store_true", help="at every file operation instead")
    parser.add_argument("--rows", type=int, default=2, help="runs that are killed again and again")
    parser.add_argument("--signals", type=int, default=12, help="by the clock, and as many at file operations")
    parser.add_argument("--seed", type=int, default=1, help="of all instants")
    parser.add_argument("--engine", choices=ENGINES, action="append")
    parser.add_argument("--model", choices=MODELS, action="append")
    parser.add_argument("--cold", action="store_true", help="processes of their own, imports and all (slow)")
    wanted = parser.parse_args()
    counts, failures = Counter(), 0
    with tempfile.TemporaryDirectory() as place:
        for engine in wanted.engine or ENGINES:
            launcher = ColdLauncher(f"{place}/out") if wanted.cold else Launcher(engine, f"{place}/out")
            for model in wanted.model or MODELS:
                run = SmallRun(launcher, f"{place}/{engine}/{model}", model, [f"--engine={engine}"]).complete()
                random_ = random.Random(f"{wanted.seed} {engine} {model}")
                own = Counter()
                for kind, lose in trials(run, wanted, random_):
                    try:
                        run.clear()
                        done = lose()
                        own[kind] += done if isinstance(done, int) else done.returncode != 0
                        run.finish(kind)
                    except Exception:
                        failures += 1
                        traceback.print_exc()
                print(f"{model}, {engine}: {', '.join(f'{n} {kind}' for kind, n in own.items())}", flush=True)
                counts += own
            launcher.close()
    print(f"together: {', '.join(f'{n} {kind}' for kind, n in counts.items())}; {failures} failures")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
