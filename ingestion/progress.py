"""Progress of a long command on a terminal, or in a log."""

import time

from django.core.management.base import OutputWrapper

LOG_INTERVAL_S = 2.0


class Progress:
    """Says what is done: in a terminal one line that is overwritten, elsewhere a line every two seconds at most."""

    def __init__(self, stream: OutputWrapper) -> None:
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
