"""Run one program for a worker, and end it when the worker is gone: a script of its own, without the package.

Standard input: a line of JSON {"arguments": [...], "answers": "..."}, then nothing; its end means that the
worker was lost or has no use for the program any more. The program gets SIGTERM, and 20 s later SIGKILL.
"""

import json
import os
import signal
import subprocess
import sys
import threading

SECONDS_TO_END = 20


def main():
    for number in (signal.SIGINT, signal.SIGHUP):  # of the terminal, meant for the program that started all this
        signal.signal(number, signal.SIG_IGN)
    request = json.loads(sys.stdin.buffer.readline())
    try:
        child = subprocess.Popen(request["arguments"], stdin=subprocess.PIPE)
    except OSError as error:
        sys.exit(f"error: {request['arguments'][0]}: {error.strerror}")
    threading.Thread(target=_end_with_the_worker, args=(child,), daemon=True).start()
    child.communicate(request["answers"].encode())
    os._exit(child.returncode if child.returncode >= 0 else 128 - child.returncode)


def _end_with_the_worker(child):
    os.read(sys.stdin.fileno(), 1)
    child.terminate()
    try:
        child.wait(SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        child.kill()


if __name__ == "__main__":
    main()
