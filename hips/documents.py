"""What a request for a part of a HiPS is answered with, and the memory of what was asked for last."""

from __future__ import annotations

import dataclasses
import threading
from collections import OrderedDict
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version


@dataclasses.dataclass(frozen=True, slots=True)
class Document:
    """Bytes to send, and what they are."""

    body: bytes
    content_type: str


class BytesCache:
    """The documents asked for last, up to a total size; safe between threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._lock = threading.Lock()
        self._documents: OrderedDict[object, Document] = OrderedDict()

    def get(self, key: object) -> Document | None:
        """Look a document up and remember that it was wanted."""
        with self._lock:
            if key in self._documents:
                self._documents.move_to_end(key)
            return self._documents.get(key)

    def put(self, key: object, document: Document) -> None:
        """Keep a document; forget the ones not wanted for longest."""
        with self._lock:
            if key in self._documents or len(document.body) > self._limit:
                return
            self._documents[key] = document
            self._size += len(document.body)
            while self._size > self._limit:
                _, gone = self._documents.popitem(last=False)
                self._size -= len(gone.body)


def builder_name() -> str:
    """Name and version of this software."""
    try:
        return f"Archipelago {package_version('archipelago')}"
    except PackageNotFoundError:  # run from a checkout without installation
        return "Archipelago"
