"""What TensorBoard shows of a run while its readout trains: accuracies and loss, cycle by cycle.

No result: a run never fails for it, and never reads it.
"""

import time
from pathlib import Path

from nalsm.console.progress import say as print_line

SECONDS_BETWEEN_WRITES = 5.0
_FILE_NAME = "events.out.tfevents.{:06d}"  # "tfevents" is what TensorBoard looks for; it reads files by name


class EventLog:
    """Scalars of the cycles of one session of a run, in an event file of its own.

    folder : where TensorBoard looks; made, in a folder that is there, when there is something to write
    done : how many cycles the run had done when the session began. What sessions before it have logged of
        later cycles is void, and readers are told so: a cycle is never shown twice
    say : called with one line, once, if the log cannot be written; the run goes on without it
    """

    def __init__(self, folder, done=0, say=print_line):
        self._folder = Path(folder)
        self._say = say
        self._path = None
        self._first_cycle = done + 1
        self._pending = []  # (wall-clock time, cycle, {tag: value})
        self._written = time.monotonic()
        self._broken = False

    def add(self, cycle, accuracies, loss):
        """Log a cycle (from 1): accuracies, fractions by split; the loss over the training samples."""
        values = {f"accuracy/{split}": value for split, value in accuracies.items()}
        self._pending.append((time.time(), cycle, {**values, "loss": loss}))
        if time.monotonic() - self._written > SECONDS_BETWEEN_WRITES:
            self.flush()

    def flush(self):
        """Write what has been added; to be called before a checkpoint, which a later session goes on from."""
        pending, self._pending = self._pending, []
        self._written = time.monotonic()
        if not pending or self._broken:
            return
        try:
            self._write(pending)
        except Exception as error:  # whatever it is: the run is worth more than its log
            self._broken = True
            reason = getattr(error, "strerror", None) or error
            self._say(f"TensorBoard's log {self._folder} cannot be written ({reason}); the run goes on without it")

    def close(self):
        """Write what is left."""
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
            restart = SessionLog(status=SessionLog.START)  # readers drop what they have from this step on
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
        """Return a path that comes after all others by name: clocks may go backwards, numbers do not."""
        self._folder.mkdir(exist_ok=True)
        prefix = _FILE_NAME.partition("{")[0]
        numbers = [path.name.removeprefix(prefix) for path in self._folder.glob(f"{prefix}*")]
        return self._folder / _FILE_NAME.format(1 + max((int(n) for n in numbers if n.isdecimal()), default=0))
