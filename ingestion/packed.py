"""Many records of one kind in little memory: compressed blocks instead of objects.

A delivery may have 100,000 files. A row of a product is 2.5 kB as a Python object and 0.1 kB in here, so that what is
known of files that were read does not grow with their number in a way that counts.
"""

import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from typing import Any, TypeVar, overload

Item = TypeVar("Item")
BLOCK_ITEMS = 256
"""Records that are compressed together; so many are unpacked to look at one."""


class Packed(Sequence[Item]):
    """A sequence that only grows; its items are made anew whenever they are looked at.

    Parameters
    ----------
    encode
        Turns an item into a list of values that JSON can hold (numbers come back to the last bit).
    decode
        Turns that list into an equal item.
    """

    def __init__(self, encode: Callable[[Item], list[Any]], decode: Callable[[list[Any]], Item]) -> None:
        self._encode, self._decode = encode, decode
        self._blocks: list[bytes] = []
        self._latest: list[str] = []

    def append(self, item: Item) -> None:
        """Add an item at the end."""
        self._latest.append(json.dumps(self._encode(item), separators=(",", ":")))
        if len(self._latest) == BLOCK_ITEMS:
            self._blocks.append(zlib.compress("\n".join(self._latest).encode(), 1))
            self._latest = []

    def __len__(self) -> int:
        return len(self._blocks) * BLOCK_ITEMS + len(self._latest)

    def __iter__(self) -> Iterator[Item]:
        for number in range(len(self._blocks) + 1):
            for line in self._lines(number):
                yield self._decode(json.loads(line))

    def _lines(self, block: int) -> list[str]:
        if block == len(self._blocks):
            return list(self._latest)
        return zlib.decompress(self._blocks[block]).decode().split("\n")

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> list[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | list[Item]:
        places = range(len(self))[index]
        if isinstance(places, range):
            return [self[place] for place in places]
        block, line = divmod(places, BLOCK_ITEMS)
        return self._decode(json.loads(self._lines(block)[line]))


def packed(kind: type[Item]) -> Packed[Item]:
    """Return an empty sequence for instances of a dataclass whose values are numbers, texts, lists and dicts.

    Examples
    --------
    >>> from ingestion.rows import SourceRow
    >>> rows = packed(SourceRow)
    >>> rows.append(SourceRow("J053432.0+220052", "Crab", 83.633, 22.0145))
    >>> len(rows), rows[0].name, [row.ra for row in rows]
    (1, 'Crab', [83.633])
    """
    names = [field.name for field in fields(kind)]  # pyright: ignore[reportArgumentType]
    return Packed(lambda item: [getattr(item, name) for name in names], lambda values: kind(*values))
