"""Lists of positions as arrays: a million of them cost arrays, not objects. No Django here."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from archive.errors import UsageError
from archive.healpix import pixel_centres

FloatArray = NDArray[np.float64]

MAX_TEXT = 200
MAX_ORDER = 29


@dataclass(frozen=True, slots=True)
class Target:
    """One position as asked: numbers, or text that is a position or a name. `problem` says why it cannot be used."""

    label: str
    ra: float = math.nan
    dec: float = math.nan
    text: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Positions(Sequence[Target]):
    """Positions in the order of the request; element by element they read as `Target`.

    Attributes
    ----------
    ra, dec : (n,), ICRS degrees as given; NaN where there is none
    labels : (n,) texts, or empty where no position has a label
    texts, problems : text to be resolved, and why a position cannot be used, by number
    """

    ra: FloatArray
    dec: FloatArray
    labels: Sequence[str] = ()
    texts: Mapping[int, str] = field(default_factory=dict)
    problems: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ra)

    @overload
    def __getitem__(self, index: int) -> Target: ...
    @overload
    def __getitem__(self, index: slice) -> "Positions": ...
    def __getitem__(self, index: int | slice) -> "Target | Positions":
        if isinstance(index, slice):
            numbers = range(*index.indices(len(self)))
            place = {number: at for at, number in enumerate(numbers)} if self.texts or self.problems else {}
            return Positions(
                self.ra[index],
                self.dec[index],
                self.labels[index] if len(self.labels) else (),
                {place[number]: text for number, text in self.texts.items() if number in place},
                {place[number]: problem for number, problem in self.problems.items() if number in place},
            )
        number = range(len(self))[index]
        label = self.labels[number] if len(self.labels) else ""
        return Target(
            label,
            float(self.ra[number]),
            float(self.dec[number]),
            self.texts.get(number, ""),
            self.problems.get(number, ""),
        )

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Which positions have no problem, (n,)."""
        good = np.ones(len(self), dtype=np.bool_)
        good[list(self.problems)] = False
        return good


def as_positions(targets: Sequence[Target]) -> Positions:
    """Make arrays of a list of targets; arrays stay what they are.

    Examples
    --------
    >>> as_positions([Target("a", 1.0, 2.0), Target("b", text="Crab")]).texts
    {1: 'Crab'}
    """
    if isinstance(targets, Positions):
        return targets
    return Positions(
        np.array([target.ra for target in targets], dtype=np.float64),
        np.array([target.dec for target in targets], dtype=np.float64),
        [target.label for target in targets],
        {number: target.text for number, target in enumerate(targets) if target.text},
        {number: target.problem for number, target in enumerate(targets) if target.problem},
    )


def join_positions(parts: Iterable[Sequence[Target]]) -> Positions:
    """Put lists one behind the other."""
    filled = [as_positions(part) for part in parts if len(part)]
    if len(filled) == 1:
        return filled[0]
    return as_positions([target for part in filled for target in part])


def from_healpix(ipix: ArrayLike, order: int, labels: Sequence[str] = ()) -> Positions:
    """Take the centres of HEALPix pixels (NESTED, ICRS); an index that the order does not have is a problem of its row.

    Raises
    ------
    UsageError
        If the order is not 0 to 29.

    Examples
    --------
    >>> found = from_healpix([4, 12], 0)
    >>> found[0].ra, found[1].problem
    (0.0, 'healpix is 12; order 0 has the indices 0 to 11')
    """
    if not 0 <= order <= MAX_ORDER:
        raise UsageError(f"healpix_order is {order}; expected 0 to {MAX_ORDER}")
    index = np.asarray(ipix, dtype=np.int64)
    last = (12 << (2 * order)) - 1
    bad = (index < 0) | (index > last)
    ra, dec = pixel_centres(order, np.where(bad, 0, index))
    ra, dec = np.where(bad, np.nan, ra), np.where(bad, np.nan, dec)
    problems = {
        int(number): f"healpix is {int(index[number])}; order {order} has the indices 0 to {last}"
        for number in np.flatnonzero(bad)
    }
    return Positions(ra, dec, labels, {}, problems)


def describe_problem(ra: float, dec: float) -> str:
    """Say what is wrong with a position; empty when nothing is.

    Examples
    --------
    >>> describe_problem(10.0, 91.0)
    'dec is 91.0; expected -90 to 90 degrees'
    """
    if not (math.isfinite(ra) and math.isfinite(dec)):
        return "ra or dec is not a finite number"
    if not 0.0 <= ra <= 360.0:
        return f"ra is {ra!r}; expected 0 to 360 degrees"
    if not -90.0 <= dec <= 90.0:
        return f"dec is {dec!r}; expected -90 to 90 degrees"
    return ""


def check_positions(found: Positions) -> Positions:
    """Add the problem of every position that is not on the sky; texts are left to be resolved."""
    on_the_sky = (found.ra >= 0.0) & (found.ra <= 360.0) & (np.abs(found.dec) <= 90.0)
    suspects = np.flatnonzero(~on_the_sky)
    if not len(suspects):
        return found
    problems = dict(found.problems)
    for number in suspects.tolist():
        if number not in found.texts and number not in problems:
            problems[number] = describe_problem(float(found.ra[number]), float(found.dec[number]))
    return Positions(found.ra, found.dec, found.labels, found.texts, problems)
