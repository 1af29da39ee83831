"""The broker of an archive that has no other: kombu's messages in files, without its race.

kombu makes a message's file and then writes it; a worker that takes it in between reads nothing and ends with an error
that no retry forgives (seen on a busy machine: the archive stopped). Here a file gets its name when it is complete.
"""

import logging
import uuid
from pathlib import Path
from queue import Empty
from time import monotonic
from typing import Any

from kombu.exceptions import ChannelError
from kombu.transport import filesystem
from kombu.utils.json import dumps

log = logging.getLogger(__name__)


class Channel(filesystem.Channel):
    """kombu's channel with messages that appear whole or not at all."""

    def _put(self, queue: str, payload: Any, **_: Any) -> None:
        folder = Path(self.data_folder_out)
        name = f"{round(monotonic() * 1000)}_{uuid.uuid4()}"
        # A reader takes what ends in the name of its queue, after the first point.
        part = folder / f"{name}.part"
        try:
            part.write_text(dumps(payload), encoding="utf-8")
            part.replace(folder / f"{name}.{queue}.msg")
        except OSError as error:
            raise ChannelError(f"Cannot add file {name!r} to directory {str(folder)!r}") from error

    def _get(self, queue: str) -> Any:
        try:
            return super()._get(queue)
        except ValueError as error:
            # Left by a machine that lost power. A message is a nudge; the job table has the work.
            log.warning("a damaged message of queue %s is left out: %s", queue, error)
            raise Empty from error


class Transport(filesystem.Transport):
    """kombu's transport with that channel."""

    Channel = Channel
