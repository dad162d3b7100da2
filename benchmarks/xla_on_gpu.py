"""Check and time the TensorFlow engine's programs on a GPU, with or without TensorFlow there.

    export FILE   where nalsm is: write the programs (`present` and `initialise`, all rules) in XLA's input format, with
                  their arguments and the event-driven engine's results
    run FILE      where JAX and NumPy are: compile them with JAX's XLA, compare the results, print the tables
    tensorflow    where nalsm is: the same comparisons and tables through TensorFlow

`run` imports JAX and NumPy only, so the machine with the GPU needs this file and FILE, nothing else. Programs run on
the first GPU, or on the CPU if there is none: then times are processor time, summed over threads. The exit code is 1 if
a spike count differs from the event-driven engine's.

Shapes: R liquid neurons, N neurons, K synapses in a row, B samples of a batch, T steps of 1 ms.
"""

import argparse
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SEED = 7
SNAPSHOT_STEPS = 20
RUN_SAMPLES, RUN_STEPS = 70_000, 250  # 280 batches of 250 samples
REPETITIONS, ENOUGH_SECONDS = 5, 30
CHECKS = ("program", "rule", "counts", "spikes", "largest difference of a weight")
TIMES = (
    "neurons", "K", "batch", "counts", "compiled in, s", "us per ms step and sample", "GB/s", "of a copy's",
    "compiler's memory, MB", "bytes_needed, MB", "70,000 samples of 250 ms, s",
)  # fmt: skip


@dataclass
class Case:
    """One call of a program. All fields from `arguments` on are names of arrays.

    program : "present" or "initialise"; flags : the first three of nalsm.rules.RuleNumbers
    timed : the case is timed; else it records spikes and weights
    promised : bytes_needed of a whole batch
    arguments : in the order of the compiled program's parameters, without the rasters
    rasters : uint8 [n, T, I / 8], bits; a batch repeats the samples until it is full
    counts : uint16 [n, R]; spikes : uint8 [T, N / 8, n], bits; weights : float32 [R, K], after the (first) sample
    """

    program: str
    rule: str
    flags: list[bool]
    batch: int
    timed: bool
    promised: int
    n_inputs: int
    arguments: list[str]
    rasters: str
    counts: str
    spikes: str = ""
    weights: str = ""

    @property
    def key(self):
        """Name of the compiled program's input in a file."""
        return f"xla/{self.counts}/{self.program}/{self.batch}/{self.timed}"

    def values(self, arrays):
        """Return the arguments as arrays."""
        rasters = np.unpackbits(arrays[self.rasters], axis=2, count=self.n_inputs)
        values = [arrays[name] for name in self.arguments]
        if self.program == "initialise":
            return [*values, rasters, np.int32(self.batch)]
        return [*values, rasters[np.arange(self.batch) % len(rasters)]]


def make_cases(options):
    """Return (cases, arrays by name): all rules are checked at the first size, NALSM's is timed at all sizes."""
    from nalsm.datasets import DATA_SOURCES
    from nalsm.rules import APSTDP, STDP, AstrocyteSTDP, Static

    source = DATA_SOURCES["MNIST"]
    train = source.load(source.find(ROOT / "datasets")).train
    cases, arrays = [], {}
    for neurons in options.neurons:
        for weight, rule in ((0.7, Static()), (3.0, STDP()), (1.0, APSTDP()), (3.0, AstrocyteSTDP())):
            batches = options.batches if rule.has_astrocyte else []
            if neurons == options.neurons[0] or batches:
                made = _cases_of(neurons, weight, rule, batches, train, source.n_inputs, options, arrays)
                cases += [case for case in made if case.timed or neurons == options.neurons[0]]
    return cases, arrays


def _cases_of(neurons, weight, rule, batches, train, n_inputs, options, arrays):
    """Return the cases of one rule and add their arrays."""
    from nalsm.liquid import open_liquid
    from nalsm.network import Network
    from nalsm.rules import numbers_of

    side = round(neurons ** (1 / 3))
    if side**3 != neurons:
        raise SystemExit(f"--neurons: {neurons} is not a cube, as 1000 and 8000 are")
    network = Network.generate((side,) * 3, n_inputs, SEED)
    event, padded = open_liquid(network, "event"), open_liquid(network, "tensorflow")
    padded._whole_batches = True  # whole batches at once

    def keep(name, array):
        arrays.setdefault(f"{neurons}/{name}", np.asarray(array))
        return f"{neurons}/{name}"

    def own(name, array):
        return keep(f"{type(rule).__name__}/{name}", array)

    def as_rows(name, weights):
        return own(name, padded._as_rows(weights, np.float32))

    def case(program, rule, batch, timed, arguments, **names):
        numbers = numbers_of(rule)
        scalars = [own(f"{program}/{name}", getattr(numbers, name)) for name in scalar_names()]
        rows = [keep(name, values) for name, values in padded._rows_for(rule)._asdict().items() if values is not None]
        promised = padded.bytes_needed(batch, options.steps)
        arguments = [*rows, *scalars, *arguments]
        return Case(program, rule.title, list(numbers[:3]), batch, timed, promised, n_inputs, arguments, **names)

    steady = replace(rule, decay=1.0) if hasattr(rule, "decay") else rule  # the rates of an initialisation
    order = np.arange(options.snapshots)
    snapshots = train.snapshots(order, order, SNAPSHOT_STEPS, SEED)
    state, few = event.initial_state(absolute_weight=weight), snapshots[:100]
    after, run = event.initialise(few, state, steady)
    initialised = case(
        "initialise", steady, len(few), False,
        [as_rows("start", state.weights), own("traces", state.traces), own("calcium", state.calcium)],
        rasters=keep("snapshots", np.packbits(few, axis=2)), counts=own("initialise counts", run.counts),
        weights=as_rows("weights after snapshots", after.weights),
    )  # fmt: skip
    weights = event.initialise(snapshots, state, steady)[0].weights
    rasters = train.presentation(np.arange(options.samples), options.steps, SEED)
    run = event.present(rasters, weights, rule, record=True)
    shared = {
        "arguments": [as_rows("weights", weights)],
        "rasters": keep("rasters", np.packbits(rasters, axis=2)),
        "counts": own("counts", run.counts),
    }
    spikes = own("spikes", np.packbits(run.spikes.transpose(1, 2, 0), axis=1))
    after = as_rows("weights after a sample", run.weights[0])
    presented = case("present", rule, len(rasters), False, **shared, spikes=spikes, weights=after)
    return [initialised, presented, *(case("present", rule, batch, True, **shared) for batch in batches)]


def scalar_names():
    """Return the parameters of a rule that are arguments of the compiled program; the others are constants in it."""
    from nalsm.liquid.tensorflow_program import COMPILED_CONSTANTS
    from nalsm.rules import RuleNumbers

    return [name for name in RuleNumbers._fields[3:] if name not in COMPILED_CONSTANTS]


class TensorFlow:
    """Compiles cases with TensorFlow."""

    def __init__(self):
        from nalsm.liquid import tensorflow_program
        from nalsm.liquid.tensorflow_setup import tensorflow

        self.program, self.tf = tensorflow_program, tensorflow()
        gpus = self.tf.config.list_physical_devices("GPU")
        self.on_gpu = bool(gpus)
        name = self.tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU") if gpus else "CPU"
        self.title = f"{name}, TensorFlow {self.tf.__version__}"

    def call(self, case, arrays):
        """Return (the TensorFlow function, its arguments)."""
        from nalsm.liquid.neuron import PUBLISHED, numbers_of
        from nalsm.rules import Equations, RuleNumbers

        values = [self.tf.constant(value) for value in case.values(arrays)]
        names = scalar_names()
        rows, scalars, rest = values[:4], values[4 : 4 + len(names)], values[4 + len(names) :]
        constants = {name: float(RuleNumbers._field_defaults[name]) for name in self.program.COMPILED_CONSTANTS}
        neuron = type(numbers_of(PUBLISHED))(*(getattr(x, "item", lambda x=x: x)() for x in numbers_of(PUBLISHED)))
        numbers = RuleNumbers(*case.flags, **dict(zip(names, scalars, strict=True)), **constants)
        shared = self.program.Rows(*rows), neuron, numbers
        if case.program == "present":
            return self.program.present, (not case.timed, *shared, *rest, Equations())
        return self.program.initialise, (*shared, self.program.Carried(*rest[:3]), *rest[3:], Equations())

    def xla_input(self, case, arrays):
        """Return the program as a serialized HloModuleProto, which is the same for all kinds of device."""
        function, arguments = self.call(case, arrays)
        return function.experimental_get_compiler_ir(*arguments)(stage="hlo_serialized")

    def memory(self, case, arrays):
        """Return the bytes that the compiler assigns to arguments, results and everything between."""
        from tensorflow.compiler.xla.service.hlo_pb2 import HloProto

        function, arguments = self.call(case, arrays)
        text = function.experimental_get_compiler_ir(*arguments)(stage="optimized_hlo_proto_serialized")
        allocations = HloProto.FromString(text).buffer_assignment.buffer_allocations
        return sum(each.size for each in allocations if not each.is_thread_local)

    def compile(self, case, arrays):
        """Return (function that runs the case and returns its results as arrays, bytes)."""
        function, arguments = self.call(case, arrays)
        flat = self.tf.nest.flatten
        return lambda: [x.numpy() for x in flat(function(*arguments)) if x is not None], self.memory(case, arrays)

    def copier(self, n):
        """Return a function that reads and writes n float32 numbers on the device."""
        add, values = self.tf.function(lambda values: values + 1, jit_compile=True), self.tf.zeros(n)
        return lambda: float(add(values)[0])  # waits for the device


class Jax:
    """Compiles cases from a file with the XLA that JAX brings."""

    def __init__(self):
        import jax
        from jax._src.lib import xla_client

        self.jax, self.xla, self.device = jax, xla_client, jax.devices()[0]
        self.on_gpu = self.device.platform != "cpu"
        self.title = f"{self.device.device_kind if self.on_gpu else 'CPU'}, JAX {jax.__version__}"

    def compile(self, case, arrays):
        """Return (function that runs the case and returns its results as arrays, bytes)."""
        computation = self.xla.XlaComputation(arrays[case.key].tobytes())
        module = self.xla._xla.mlir.xla_computation_to_mlir_module(computation)
        devices = self.xla.DeviceList((self.device,))
        program = self.device.client.compile_and_load(module, devices, self.xla.CompileOptions())
        arguments = [self.jax.device_put(value, self.device) for value in case.values(arrays)]

        def run():
            results = program.execute_sharded(arguments).disassemble_into_single_device_arrays()
            return [np.asarray(shards[0]) for shards in results]

        stats = program.get_compiled_memory_stats()
        return run, stats.argument_size_in_bytes + stats.output_size_in_bytes + stats.temp_size_in_bytes

    def copier(self, n):
        """Return a function that reads and writes n float32 numbers on the device."""
        add, values = self.jax.jit(lambda values: values + 1), self.jax.numpy.zeros(n)
        return lambda: add(values).block_until_ready()


def report(machine, cases, arrays):
    """Print both tables; return how many cases have other counts than the event-driven engine."""
    print(f"{machine.title}, NumPy {np.__version__}, {time.strftime('%Y-%m-%d')}\n")
    clock = time.perf_counter if machine.on_gpu else time.process_time
    print_rows(CHECKS, ["---"] * len(CHECKS))
    wrong = sum(check(machine, case, arrays) for case in cases if not case.timed)
    n = 2**28 if machine.on_gpu else 2**24
    rate = 8 * n / median_seconds(machine.copier(n), clock)
    print(f"\nA copy of {4 * n / 1e9:.2g} GB reads and writes {rate / 1e9:.3g} GB/s.\n")
    print_rows(TIMES, ["---"] * len(TIMES))
    wrong += sum(measure(machine, case, arrays, rate, clock) for case in cases if case.timed)
    print(f"\n{len(cases) - wrong} of {len(cases)} programs give the event-driven engine's counts")
    return wrong


def check(machine, case, arrays):
    """Print a row of the first table; return whether counts differ."""
    results = machine.compile(case, arrays)[0]()
    if case.program == "initialise":
        (weights, _, _, counts), spikes = results, "-"
    else:
        counts, packed, weights = results[0], results[1], results[2][:, :, 0]
        differ = np.unpackbits(packed ^ arrays[case.spikes], axis=1)
        spikes = f"{np.unpackbits(packed).sum()} equal"
        if differ.any():
            spikes = f"{differ.sum()} differ, from ms {differ.any(axis=(1, 2)).argmax()} on"
    text, wrong = compared(counts, arrays[case.counts])
    print_rows((case.program, case.rule, text, spikes, f"{np.abs(weights - arrays[case.weights]).max():.1e}"))
    return wrong


def measure(machine, case, arrays, copy_rate, clock):
    """Print a row of the second table; return whether counts differ."""
    wanted = arrays[case.counts]
    n_rows, width = arrays[case.arguments[0]].shape
    steps = arrays[case.rasters].shape[1]
    begin = time.perf_counter()
    try:
        run, memory = machine.compile(case, arrays)
        compiled = time.perf_counter() - begin
        text, wrong = compared(run()[0], wanted[np.arange(case.batch) % len(wanted)])
        seconds = median_seconds(run, clock)
    except Exception as error:
        if not any(words in str(error) for words in ("RESOURCE_EXHAUSTED", "Out of memory", "OOM")):
            raise
        print_rows((n_rows, width, case.batch, "no memory", *["-"] * 5, f"{case.promised / 1e6:.4g}", "-"))
        return False
    rate = bytes_moved(n_rows, width, case.batch) * steps / seconds
    micros = seconds / steps / case.batch * 1e6
    print_rows((
        n_rows, width, case.batch, text, f"{compiled:.1f}", f"{micros:.3g}", f"{rate / 1e9:.3g}",
        f"{rate / copy_rate:.0%}", f"{memory / 1e6:.4g}", f"{case.promised / 1e6:.4g}",
        f"{micros * RUN_SAMPLES * RUN_STEPS / 1e6:.3g}",
    ))  # fmt: skip
    return wrong


def bytes_moved(n_rows, width, batch):
    """Return the bytes of weights that a step moves: learning reads and writes each, the current reads it again."""
    return 3 * 4 * batch * n_rows * width


def compared(counts, wanted):
    """Return (in words how many counts differ, whether any does)."""
    different = np.count_nonzero(counts != wanted)
    return f"{different} of {wanted.size} differ" if different else f"{wanted.size} equal", different > 0


def median_seconds(function, clock=time.perf_counter):
    """Return the median time of a call; one call before it is not counted."""
    function()
    times = []
    while len(times) < REPETITIONS and sum(times) < ENOUGH_SECONDS:
        begin = clock()
        function()
        times.append(clock() - begin)
    return statistics.median(times)


def print_rows(*rows):
    for row in rows:
        print("|", " | ".join(map(str, row)), "|", flush=True)


def export(path, cases, arrays):
    """Write cases, their arrays and their programs into one file."""
    machine = TensorFlow()
    programs = {case.key: np.frombuffer(machine.xla_input(case, arrays), np.uint8) for case in cases}
    names = {name for case in cases for name in (*case.arguments, case.rasters, case.counts, case.spikes, case.weights)}
    used = {name: array for name, array in arrays.items() if name in names}
    np.savez_compressed(path, cases=json.dumps([asdict(case) for case in cases]), **used, **programs)
    print(f"{path}: {len(cases)} programs, {path.stat().st_size / 1e6:.1f} MB")


def load(path):
    """Return (cases, arrays) of a file."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return [Case(**fields) for fields in json.loads(str(arrays.pop("cases")))], arrays


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("export", "run", "tensorflow"))
    parser.add_argument("file", type=Path, nargs="?", metavar="FILE", help="a .npz file, for export and run")
    for name, default, text in (
        ("samples", 50, "different samples; larger batches repeat them"), ("steps", RUN_STEPS, "ms of a sample"),
        ("snapshots", 5000, "snapshots of the initialisation before"),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default, help=f"{text} (default: %(default)s)")
    parser.add_argument("--neurons", type=int, nargs="+", default=[1000, 8000], help="default: %(default)s")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 10, 50, 250, 1000], help="default: %(default)s")
    options = parser.parse_args(arguments)
    if (options.file is None) != (options.command == "tensorflow"):
        parser.error("export and run need a FILE, tensorflow takes none")
    if options.command == "run":
        cases, arrays = load(options.file)
        sizes = {case.key: len(arrays[case.arguments[0]]) for case in cases}
        cases = [case for case in cases if sizes[case.key] in options.neurons]
        chosen = [case for case in cases if not case.timed or case.batch in options.batches]
        return int(report(Jax(), chosen, arrays) > 0)
    sys.path.insert(0, str(ROOT))
    cases, arrays = make_cases(options)
    if options.command == "export":
        return export(options.file, cases, arrays)
    return int(report(TensorFlow(), cases, arrays) > 0)


if __name__ == "__main__":
    sys.exit(main())
