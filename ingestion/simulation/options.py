"""What a simulated mission is made from: size, resolution, seed."""

from dataclasses import asdict, dataclass

from archive.errors import UsageError

SIMULATION_VERSION = 1
"""Rises whenever the same options give other bytes."""

_RANGES = {
    "science_windows": (200, 250_000),
    "order": (5, 10),
    "seed": (0, 2**31 - 1),
    "products": (1, 100),
    "year_maps": (0, 1),
}


@dataclass(frozen=True, slots=True)
class SimulationOptions:
    """Options of one simulated mission; the same options give the same files, byte for byte.

    Attributes
    ----------
    science_windows : number of science windows, pointings and slews together, 200 to 250,000
    order : HEALPix order of the sky maps, 5 to 10 (nside = 2**order)
    seed : seed of every random number
    products : number of sources for which products are written, brightest first, 1 to 100
    year_maps : whether maps of every single year are written, of one band and coarse

    Raises
    ------
    UsageError
        If a value is outside its range.
    """

    science_windows: int = 2000
    order: int = 8
    seed: int = 2002
    products: int = 30
    year_maps: bool = False

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise UsageError(f"simulation option {name} is {value}; expected {low} to {high}")

    @property
    def tag(self) -> str:
        """Short text that names version and options; part of every delivery id."""
        text = f"sim{SIMULATION_VERSION}-s{self.seed}-n{self.science_windows}-k{self.order}-p{self.products}"
        return f"{text}-y" if self.year_maps else text

    def as_dict(self) -> dict[str, int]:
        """Options by name, as written to `simulation.json`."""
        return asdict(self)
