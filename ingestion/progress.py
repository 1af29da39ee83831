"""Progress of a long command on a terminal, or in a log."""

import time
from typing import Protocol

LOG_INTERVAL_S = 2.0


class Stream(Protocol):
    """What Django calls an OutputWrapper."""

    def isatty(self) -> bool:
        """Whether a person looks on."""
        ...

    def write(self, msg: str = "", style_func: object = None, ending: str | None = None) -> None:
        """Write a line."""

    def flush(self) -> None:
        """Send it off."""


class Progress:
    """Says what is done: in a terminal one line that is overwritten, elsewhere a line every two seconds at most."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.last = 0.0

    def say(self, line: str) -> None:
        """Show a line."""
        terminal = self.stream.isatty()
        if not terminal and time.monotonic() - self.last < LOG_INTERVAL_S:
            return
        self.last = time.monotonic()
        self.stream.write(line, style_func=str, ending="\r\033[K" if terminal else "\n")
        self.stream.flush()
