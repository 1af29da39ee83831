"""Identifiers of science windows, observations, sources, products and names as people type them."""

import re
import unicodedata
from dataclasses import dataclass

from archive.errors import UsageError

_SCW_ID = re.compile(r"(\d{4})(\d{4})(\d{3})(\d)")
_OBS_ID = re.compile(r"\d{11}")
_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "ν": "nu", "ξ": "xi", "ο": "omicron", "π": "pi",
    "ρ": "rho", "σ": "sigma", "ς": "sigma", "τ": "tau", "υ": "upsilon", "φ": "phi", "χ": "chi", "ψ": "psi",
    "ω": "omega",
}  # fmt: skip
_NOT_COMPARED = re.compile(r"[\s_'\"`]+")
_KIND = {"0": "pointing", "1": "slew", "2": "engineering"}


@dataclass(frozen=True, slots=True)
class ScwId:
    """A science window: revolution RRRR, pointing PPPP, subdivision SSS and type F of RRRRPPPPSSSF."""

    revolution: int
    pointing: int
    subdivision: int
    kind: str

    def __str__(self) -> str:
        flag = next(flag for flag, kind in _KIND.items() if kind == self.kind)
        return f"{self.revolution:04d}{self.pointing:04d}{self.subdivision:03d}{flag}"


def parse_scw_id(text: str) -> ScwId:
    """Split a science-window id of 12 digits, RRRRPPPPSSSF.

    The last digit is 0 for a pointing, 1 for a slew and 2 for an engineering window (ISDC naming scheme).

    Raises
    ------
    UsageError
        If `text` is not 12 digits or its last digit is none of these.

    Examples
    --------
    >>> parse_scw_id("008200200010")
    ScwId(revolution=82, pointing=20, subdivision=1, kind='pointing')
    """
    match = _SCW_ID.fullmatch(text.strip())
    if match is None or match[4] not in _KIND:
        msg = (
            f"science-window id {text!r} is not RRRRPPPPSSSF: 12 digits, "
            "the last one 0 (pointing), 1 (slew) or 2 (engineering)"
        )
        raise UsageError(msg)
    return ScwId(int(match[1]), int(match[2]), int(match[3]), _KIND[match[4]])


def parse_obs_id(text: str) -> str:
    """Return an observation id of 11 digits as text.

    Raises
    ------
    UsageError
        If `text` is not 11 digits.

    Examples
    --------
    >>> parse_obs_id("06340000001")
    '06340000001'
    """
    cleaned = text.strip()
    if not _OBS_ID.fullmatch(cleaned):
        msg = f"observation id {text!r} is not 11 digits; leading zeros count (for example 06340000001)"
        raise UsageError(msg)
    return cleaned


def normalize_name(text: str) -> str:
    """Reduce an object name to the form in which names are compared.

    Upper case, Greek letters spelt out, no blanks, underscores or quotes; dashes of any kind become ``-``.

    Examples
    --------
    >>> normalize_name("  igr  J17544−2619 ")
    'IGRJ17544-2619'
    >>> normalize_name("γ Cas")
    'GAMMACAS'
    """
    if text.isascii():  # nothing to fold, spell out or replace
        return _NOT_COMPARED.sub("", text).upper()
    folded = unicodedata.normalize("NFKC", text).lower()
    spelt = "".join(_GREEK.get(char, char) for char in folded)
    dashed = re.sub(r"[‐‑‒–—―−]", "-", spelt)
    return _NOT_COMPARED.sub("", dashed).upper()


def source_id_from_position(ra: float, dec: float) -> str:
    """Make a J-name JHHMMSS.s+DDMMSS from ICRS degrees; truncated, as the IAU asks of position names.

    Examples
    --------
    >>> source_id_from_position(83.63322, 22.01446)
    'J053431.9+220052'
    """
    tenths = int((ra % 360.0) / 15.0 * 36000.0 + 1e-6)
    hours, rest = divmod(tenths, 36000)
    minutes, rest = divmod(rest, 600)
    seconds, tenth = divmod(rest, 10)
    arcsec = int(abs(dec) * 3600.0 + 1e-6)
    degrees, left = divmod(arcsec, 3600)
    arcmin, arcsec = divmod(left, 60)
    sign = "-" if dec < 0 else "+"
    return f"J{hours:02d}{minutes:02d}{seconds:02d}.{tenth}{sign}{degrees:02d}{arcmin:02d}{arcsec:02d}"


def publisher_did(authority: str, collection: str, product_id: str) -> str:
    """Compose an ObsCore ``obs_publisher_did`` (ObsCore 1.1 section 3.3.1, Identifiers 2.0).

    Examples
    --------
    >>> publisher_did("archipelago.example", "integral", "isgri-0727-mosaic")
    'ivo://archipelago.example/integral?isgri-0727-mosaic'
    """
    return f"ivo://{authority}/{collection}?{product_id}"
