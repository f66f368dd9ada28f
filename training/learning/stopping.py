"""SIGINT and SIGTERM while training, and the death of the verb that started this one: obeyed after the step."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import torch

from ..runs.folder import is_orphan


class StopRequests:
    """The signal that came, 0 for none."""

    signal = 0
    told = False  # that nobody waits for this run

    def wanted(self, accelerator: Any, step: int) -> bool:
        """True once a signal came to any process, or nobody waits for this one any more; several processes ask each
        other every 10 steps."""
        if not self.told and is_orphan():
            self.signal, self.told = self.signal or signal.SIGTERM, True
            with open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), 2)  # where it wrote nobody reads, and a broken pipe would end it unsaved
        if accelerator.num_processes == 1:
            return self.signal != 0
        if step % 10:
            return False
        flag = accelerator.reduce(torch.tensor(self.signal, device=accelerator.device, dtype=torch.float32), "sum")
        if flag.item() and not self.signal:
            self.signal = signal.SIGTERM
        return self.signal != 0


@contextlib.contextmanager
def stop_requests() -> Iterator[StopRequests]:
    """While inside, SIGINT and SIGTERM only note themselves; the handlers before are back afterwards."""
    stop = StopRequests()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread may set handlers
        return

    def note(number: int, frame) -> None:
        stop.signal = number

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
