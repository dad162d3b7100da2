"""The log that TensorBoard shows while a run's readout trains: accuracies and loss of each cycle.

The log is no result: a run neither fails because of it nor reads it.
Records are made by TensorBoard's record writer; no writer above it keeps what is promised here. TensorFlow's,
TensorBoard's `EventFileWriter` and tensorboardX name files by the clock, so that a session could sort before an earlier
one; the first two import TensorFlow, the third blocks the run when the disk is full.
"""

import time
from collections.abc import Callable
from pathlib import Path

from nalsm.console.progress import say as print_line
from nalsm.support.tuning import TUNING

_FILE_NAME = "events.out.tfevents.{:06d}"  # TensorBoard looks for "tfevents" and reads the files in order of name


class EventLog:
    """Scalars of the cycles of one session of a run, in an event file of this session.

    folder : where TensorBoard looks. The log creates it, inside an existing folder, with the first write
    done : cycles that the run had completed when the session began. Readers are told to drop what earlier sessions
        logged of later cycles, so that they never show a cycle twice
    say : called once, with one line, if the log cannot be written; the run continues without it
    """

    def __init__(self, folder: str | Path, done: int = 0, say: Callable[[str], None] = print_line) -> None:
        self._folder = Path(folder)
        self._say = say
        self._path = None
        self._first_cycle = done + 1
        self._pending = []  # (wall-clock time, cycle, {tag: value})
        self._written = time.monotonic()
        self._broken = False

    def add(self, cycle: int, accuracies: dict[str, float], loss: float) -> None:
        """Log a cycle (from 1): accuracies (fractions by split) and the mean loss of the training batches."""
        values = {f"accuracy/{split}": value for split, value in accuracies.items()}
        self._pending.append((time.time(), cycle, {**values, "loss": loss}))
        if time.monotonic() - self._written > TUNING.seconds_between_log_writes:
            self.flush()

    def flush(self) -> None:
        """Write what has been added. Call this before each checkpoint, so that a resumed run's log has no gap."""
        pending, self._pending = self._pending, []
        self._written = time.monotonic()
        if not pending or self._broken:
            return
        try:
            self._write(pending)
        except Exception as error:  # of any kind: a log must not end a run
            self._broken = True
            reason = getattr(error, "strerror", None) or error
            self._say(f"TensorBoard's log {self._folder} cannot be written ({reason}); the run goes on without it")

    def close(self) -> None:
        """Write what has been added since the last write."""
        self.flush()

    def _write(self, pending):
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.record_writer import RecordWriter

        events = [
            Event(
                wall_time=wall_time,
                step=cycle,
                summary=Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]),
            )
            for wall_time, cycle, values in pending
        ]
        if self._path is None:
            self._path = self._new_path()
            restart = SessionLog(status=SessionLog.START)  # readers drop the earlier events from this step on
            begin = events[0].wall_time
            events[:0] = [
                Event(wall_time=begin, file_version="brain.Event:2"),
                Event(wall_time=begin, step=self._first_cycle, session_log=restart),
            ]
        with self._path.open("ab") as file:
            writer = RecordWriter(file)
            for event in events:
                writer.write(event.SerializeToString())

    def _new_path(self):
        """Return a path that sorts after all others. It has a number, because clocks may go backwards."""
        self._folder.mkdir(exist_ok=True)
        prefix = _FILE_NAME.partition("{")[0]
        numbers = [path.name.removeprefix(prefix) for path in self._folder.glob(f"{prefix}*")]
        return self._folder / _FILE_NAME.format(1 + max((int(n) for n in numbers if n.isdecimal()), default=0))
