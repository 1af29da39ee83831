"""Reading a request: parameters and lists of positions, each checked, into frozen values. No Django here."""

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import orjson

from archive.errors import TooLargeError, UsageError
from archive.times import mjd_tt_from_utc
from upper_limits.absorption import MAX_NH_CM2
from upper_limits.flux import (
    CRABS,
    DEFAULT_CRAB,
    Band,
    BlackBody,
    BrokenPowerLaw,
    CutoffPowerLaw,
    Model,
    PowerLaw,
    check_model,
)
from upper_limits.limits import Options
from upper_limits.positions import MAX_TEXT, Positions, Target, from_healpix, join_positions
from upper_limits.statistics import confidence_from_sigma, one_sided_confidence

MAX_POSITIONS = 1_000_000
MAX_NAMES = 1_000
MAX_HISTORY_POSITIONS = 1_000
MAX_BODY_BYTES = 64 * 1024 * 1024
FORMATS = ("json", "json_columns", "csv", "votable", "votable_td", "fits", "arrow", "parquet")
DEFAULT_SIGMA = 3.0
DEFAULT_INDEX = 2.1
MODELS: Mapping[str, tuple[type[Model], tuple[str, ...]]] = {
    "powerlaw": (PowerLaw, ("index",)),
    "bknpower": (BrokenPowerLaw, ("index", "break_kev", "index2")),
    "cutoffpl": (CutoffPowerLaw, ("index", "cutoff_kev")),
    "bbody": (BlackBody, ("kt_kev",)),
    "grbm": (Band, ("alpha", "beta", "epeak_kev")),
}
PRESETS: Mapping[str, tuple[float, float]] = {
    "hiligt": (0.9540, 2.0),
    "rapidxmm": (0.9986, DEFAULT_INDEX),
    "lsxps": (0.9973, DEFAULT_INDEX),
    "erosita": (0.9987, 2.0),
}
"""Default one-sided confidence and photon index of other services, so that limits can be compared like with like.

Those of HILIGT (its default, "2 sigma") and LSXPS ("3 sigma") follow from limits in their published example rows, as
tests/unit/upper_limits/test_presets.py shows; RapidXMM's is that of its third limit, eROSITA-DE's is stated in A&A 682,
A35. RapidXMM and LSXPS give count rates, so they have no spectrum.
"""
_MODEL_PARAMETERS = sorted({name for _, names in MODELS.values() for name in names})
PARAMETERS = (
    *("ra", "dec", "position", "name", "healpix", "healpix_order", "instrument", "band"),
    *("confidence", "sigma", "sides", "preset", "threshold", "power"),
    *("model", *_MODEL_PARAMETERS, "nh", "crab", "flux_band", "response"),
    *("history", "t_min", "t_max", "version", "columns", "format"),
)


@dataclass(frozen=True, slots=True)
class EpochChoice:
    """Epochs that lie wholly between two times, MJD (TT), infinite where not given; `listed`: each, not their mean."""

    t_min: float = -math.inf
    t_max: float = math.inf
    listed: bool = False


@dataclass(frozen=True, slots=True)
class LimitRequest:
    """A whole request. Empty `instruments`, `bands`, `columns`: all; `epochs` None: the mean of the mission."""

    targets: Sequence[Target]
    instruments: tuple[str, ...]
    bands: tuple[str, ...]
    options: Options
    version: str
    response_format: str
    epochs: EpochChoice | None = None
    columns: tuple[str, ...] = ()


def read_request(parameters: Mapping[str, Sequence[str]], targets: Sequence[Target] = ()) -> LimitRequest:
    """Read the parameters of a request; `targets` come from its body and add to those of the parameters.

    Parameters
    ----------
    parameters : every value of every parameter, names in lower case

    Raises
    ------
    UsageError
        One sentence: which parameter, what was found, what is expected.
    TooLargeError
        If there are more positions or names than the service takes at once.
    """
    for name in parameters:
        if name not in PARAMETERS:
            raise UsageError(f"there is no parameter {name[:40]!r}; there are {', '.join(PARAMETERS)}")
    targets = join_positions((targets, _targets_from_parameters(parameters), _pixels_from_parameters(parameters)))
    if not len(targets):
        raise UsageError("no position was given; use ra and dec (ICRS degrees), position, or name")
    check_size(targets)
    epochs = _epochs(parameters, len(targets))
    if epochs is None and _single(parameters, "response", ""):
        raise UsageError("response is for counts of epochs: ask with history=1, t_min or t_max; the maps need none")
    response_format = _single(parameters, "format", "json").lower()
    if response_format not in FORMATS:
        raise UsageError(f"format is {response_format[:40]!r}; expected one of {', '.join(FORMATS)}")
    return LimitRequest(
        targets,
        tuple(_words(parameters.get("instrument", ()))),
        tuple(_words(parameters.get("band", ()))),
        read_options(parameters),
        _single(parameters, "version", ""),
        response_format,
        epochs,
        tuple(_words(parameters.get("columns", ()))),
    )


def check_size(targets: Sequence[Target]) -> None:
    """Refuse more positions, or more names to look up, than the service takes at once."""
    _check_count(len(targets))
    names = len(targets.texts) if isinstance(targets, Positions) else sum(1 for target in targets if target.text)
    if names > MAX_NAMES:
        raise TooLargeError(
            f"the list has {names} names; at most {MAX_NAMES} fit one request: give ra and dec, or split"
        )


def read_options(parameters: Mapping[str, Sequence[str]]) -> Options:
    """Read confidence, thresholds, spectral model, Crab convention and flux band."""
    sides, preset = _single(parameters, "sides", "one"), _preset(parameters)
    quoted = PRESETS[preset][0] if preset else _confidence(parameters)
    try:
        confidence = one_sided_confidence(quoted, sides)  # pyright: ignore[reportArgumentType]
        model = _model(parameters, PRESETS[preset][1] if preset else DEFAULT_INDEX)
    except ValueError as error:
        raise UsageError(str(error)) from error
    threshold = _number(parameters, "threshold", 4.5)
    if not 0.0 < threshold <= 100.0:
        raise UsageError(f"threshold is {threshold!r}; expected a number of sigma above 0, at most 100")
    power = _number(parameters, "power", 0.9)
    if not 0.0 < power < 1.0:
        raise UsageError(f"power is {power!r}; expected a probability strictly between 0 and 1")
    crab = _single(parameters, "crab", DEFAULT_CRAB)
    if crab not in CRABS:
        raise UsageError(f"crab is {crab[:40]!r}; expected one of {', '.join(CRABS)}")
    nh = _number(parameters, "nh", 0.0)
    if not 0.0 <= nh <= MAX_NH_CM2:
        raise UsageError(
            f"nh is {nh!r}; expected atoms of hydrogen per cm2, 0 to {MAX_NH_CM2:.0e}, beyond which scattering counts"
        )
    band = _flux_band(parameters)
    response = _single(parameters, "response", "")[:MAX_TEXT]
    return Options(confidence, quoted, sides, threshold, power, model, CRABS[crab], band, preset, nh, response)


def read_json_targets(body: bytes) -> tuple[dict[str, list[str]], Sequence[Target]]:
    """Read a JSON body: options by name, and ``positions`` or the lists ``ra`` and ``dec`` (and ``label``).

    An element of ``positions`` is ``[ra, dec]``, ``{"ra": ..., "dec": ..., "label": ...}``, ``{"name": ...}``,
    ``{"position": ...}`` or a text. An element that cannot be used gets a status, the list is answered all the same.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UsageError(f"the body is not JSON: {error}") from error
    if isinstance(content, list):
        content = {"positions": content}
    if not isinstance(content, dict):
        raise UsageError("the JSON body is neither an object nor a list of positions")
    positions, labels = content.pop("positions", []), content.pop("label", None)
    targets: Sequence[Target] = []
    if isinstance(content.get("ra"), list) or isinstance(content.get("dec"), list):
        targets = _paired(content.pop("ra", None), content.pop("dec", None), labels)
    elif labels is not None:
        raise UsageError("label goes with lists of ra and dec; in positions, each element has its own label")
    if not isinstance(positions, list):
        raise UsageError("positions is not a list")
    _check_count(len(positions))
    listed = _pairs(positions)
    if listed is None:
        listed = [_target_from_json(element) for element in positions]
    targets = join_positions((targets, listed))
    parameters: dict[str, list[str]] = {}
    for name, value in content.items():
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(one, str | int | float) for one in values):
            raise UsageError(f"{name[:40]} in the JSON body is not a number, a text or a list of these")
        parameters[name.lower()] = [str(one) for one in values]
    return parameters, targets


def read_csv_targets(body: bytes) -> tuple[Target, ...]:
    """Read a CSV body with the columns ``ra`` and ``dec`` (and ``name`` or ``label``), or ``name`` alone."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"the CSV body is not UTF-8 text (byte {error.start})") from error
    try:
        rows = csv.reader(io.StringIO(text), strict=True)
        header = [name.strip().lower() for name in next(rows, [])]
        has_position = "ra" in header and "dec" in header
        label = next((name for name in ("label", "name") if name in header), None)
        if not has_position and "name" not in header:
            raise UsageError("the first line of the CSV must name the columns ra and dec (ICRS degrees), or name")
        targets = []
        for line, row in enumerate(rows, start=2):
            if not row:
                continue
            if len(row) != len(header):
                raise UsageError(f"line {line} of the CSV has {len(row)} fields; expected {len(header)}")
            record = dict(zip(header, row, strict=True))
            name = record[label].strip() if label else ""
            targets.append(_from_numbers(record["ra"], record["dec"], name) if has_position else _from_text(name))
            _check_count(len(targets))
    except csv.Error as error:
        raise UsageError(f"the CSV cannot be read: {error}") from error
    return tuple(targets)


def _check_count(count: int) -> None:
    if count > MAX_POSITIONS:
        raise TooLargeError(
            f"the list has {count} or more positions; one request takes at most {MAX_POSITIONS}: split it"
        )


def _targets_from_parameters(parameters: Mapping[str, Sequence[str]]) -> Sequence[Target]:
    ra, dec = _words(parameters.get("ra", ())), _words(parameters.get("dec", ()))
    targets = list(_paired(ra, dec, None))
    for name in ("position", "name"):
        for value in parameters.get(name, ()):
            targets += [_from_text(part.strip()) for part in value.split(";") if part.strip()]
    return targets


def _pixels_from_parameters(parameters: Mapping[str, Sequence[str]]) -> Sequence[Target]:
    words, order = _words(parameters.get("healpix", ())), read_healpix_order(parameters)
    if not words:
        return ()
    if order is None:
        raise UsageError("healpix needs healpix_order, the order of the indices (nside = 2**order)")
    _check_count(len(words))
    try:
        return from_healpix([int(word) for word in words], order)
    except (ValueError, OverflowError):
        raise UsageError("healpix holds a word that is no HEALPix index; expected whole numbers") from None


def read_healpix_order(parameters: Mapping[str, Sequence[str]]) -> int | None:
    """Read the order of HEALPix indices in the request or in its body; None where it is not given."""
    text = _single(parameters, "healpix_order", "")
    if not text:
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 2:
        raise UsageError(f"healpix_order is {text[:40]!r}; expected 0 to 29")
    return int(text)


def _pairs(positions: list[object]) -> Positions | None:
    """Positions given as [ra, dec] only, in one go; None where any is something else."""
    if not positions or set(map(type, positions)) != {list} or set(map(len, positions)) != {2}:  # pyright: ignore[reportArgumentType]
        return None
    flat = list(chain.from_iterable(positions))  # pyright: ignore[reportArgumentType]
    if not set(map(type, flat)) <= {int, float}:
        return None
    try:
        both = np.array(flat, dtype=np.float64).reshape(-1, 2)
    except OverflowError:
        return None
    return Positions(both[:, 0].copy(), both[:, 1].copy())


def _paired(ra: object, dec: object, labels: object) -> Sequence[Target]:
    if not isinstance(ra, list) or not isinstance(dec, list) or len(ra) != len(dec):
        found = " and ".join(str(len(part)) if isinstance(part, list) else "none" for part in (ra, dec))
        raise UsageError(f"ra and dec do not pair: found {found} values")
    if labels is not None and (not isinstance(labels, list) or len(labels) != len(ra)):
        raise UsageError(f"label is not a list of {len(ra)} texts, one for each position")
    _check_count(len(ra))
    names = [str(label)[:MAX_TEXT] for label in labels] if isinstance(labels, list) else [""] * len(ra)
    if set(map(type, ra)) | set(map(type, dec)) == {float}:
        return Positions(np.array(ra, dtype=np.float64), np.array(dec, dtype=np.float64), names)
    return [_from_numbers(*triple) for triple in zip(ra, dec, names, strict=True)]


def _target_from_json(element: object) -> Target:
    match element:
        case str():
            return _from_text(element)
        case [ra, dec]:
            return _from_numbers(ra, dec, "")
        case {"ra": ra, "dec": dec, **rest}:
            return _from_numbers(ra, dec, str(rest.get("label", rest.get("name", ""))))
        case {"position": str(text)} | {"name": str(text)}:
            return _from_text(text)
    return Target("", problem='not a position; expected [ra, dec], {"ra", "dec"}, {"name"} or a text')


def _from_numbers(ra: object, dec: object, label: str) -> Target:
    label = label[:MAX_TEXT]
    numbers = []
    for name, value in (("ra", ra), ("dec", dec)):
        try:
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise ValueError  # noqa: TRY004 - told below like any other value that is no number
            numbers.append(float(value))
        except (ValueError, OverflowError):
            return Target(label, problem=f"{name} is {str(value)[:40]!r}; expected a number, degrees ICRS")
    return Target(label, numbers[0], numbers[1])


def _from_text(text: str) -> Target:
    if not text or len(text) > MAX_TEXT or not text.isprintable():
        return Target(text[:MAX_TEXT], problem=f"a name or position is 1 to {MAX_TEXT} printable characters")
    return Target(text, text=text)


def _single(parameters: Mapping[str, Sequence[str]], name: str, default: str) -> str:
    values = [value.strip() for value in parameters.get(name, ()) if value.strip()]
    if len(values) > 1:
        raise UsageError(f"{name} is given {len(values)} times; expected once")
    return values[0] if values else default


def _number(parameters: Mapping[str, Sequence[str]], name: str, default: float) -> float:
    text = _single(parameters, name, "")
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        raise UsageError(f"{name} is {text[:40]!r}; expected a number") from None
    if not math.isfinite(number):
        raise UsageError(f"{name} is {text[:40]!r}; expected a finite number")
    return number


def _words(values: Iterable[str]) -> list[str]:
    return [word for value in values for word in value.replace(";", ",").replace(",", " ").split()]


def _confidence(parameters: Mapping[str, Sequence[str]]) -> float:
    sigma = _single(parameters, "sigma", "")
    if not _single(parameters, "confidence", ""):
        n_sigma = _number(parameters, "sigma", DEFAULT_SIGMA)
        if not 0.0 < n_sigma <= 8.0:
            raise UsageError(f"sigma is {n_sigma!r}; expected a number above 0, at most 8")
        if sigma and _single(parameters, "sides", "one") != "one":
            raise UsageError("sigma is one-sided; for a two-sided limit give the confidence itself")
        return confidence_from_sigma(n_sigma)
    if sigma:
        raise UsageError("confidence and sigma are two ways to say the same; give one of them")
    return _number(parameters, "confidence", math.nan)


def _preset(parameters: Mapping[str, Sequence[str]]) -> str:
    preset = _single(parameters, "preset", "").lower()
    if not preset:
        return ""
    if preset not in PRESETS:
        raise UsageError(f"preset is {preset[:40]!r}; expected one of {', '.join(PRESETS)}")
    for name in ("confidence", "sigma", "sides"):
        if _single(parameters, name, ""):
            raise UsageError(f"preset {preset} fixes the confidence, so {name} cannot be given with it")
    return preset


def _model(parameters: Mapping[str, Sequence[str]], default_index: float) -> Model:
    name = _single(parameters, "model", "powerlaw")
    if name not in MODELS:
        raise UsageError(f"model is {name[:40]!r}; expected one of {', '.join(MODELS)}")
    kind, wanted = MODELS[name]
    given = {key for key in _MODEL_PARAMETERS if _single(parameters, key, "")}
    if name == "powerlaw" and not given:
        return PowerLaw(default_index)
    if given != set(wanted):
        found = ", ".join(sorted(given)) or "none"
        raise UsageError(f"model {name} takes the parameters {', '.join(wanted)}; found {found}")
    model = kind(*(_number(parameters, key, math.nan) for key in wanted))
    check_model(model)
    return model


def _epochs(parameters: Mapping[str, Sequence[str]], count: int) -> EpochChoice | None:
    text = _single(parameters, "history", "0").lower()
    if text not in {"0", "1", "false", "true"}:
        raise UsageError(f"history is {text[:40]!r}; expected 1 (every epoch) or 0 (their mean)")
    listed = text in {"1", "true"}
    t_min, t_max = _time(parameters, "t_min", -math.inf), _time(parameters, "t_max", math.inf)
    if not t_min < t_max:
        raise UsageError(f"t_min, MJD {t_min:.5f}, is not before t_max, MJD {t_max:.5f} (TT)")
    if not listed and t_min == -math.inf and t_max == math.inf:
        return None
    if count > MAX_HISTORY_POSITIONS:
        raise TooLargeError(
            f"the list has {count} positions; with epochs one request takes at most {MAX_HISTORY_POSITIONS}: split it"
        )
    return EpochChoice(t_min, t_max, listed)


def _time(parameters: Mapping[str, Sequence[str]], name: str, default: float) -> float:
    text = _single(parameters, name, "")
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        try:
            return mjd_tt_from_utc(text[:40])
        except (UsageError, ValueError):
            raise UsageError(
                f"{name} is {text[:40]!r}; expected an MJD (TT) or a UTC date such as 2008-09-26T12:00:00"
            ) from None
    if not 30_000.0 <= number <= 100_000.0:
        raise UsageError(f"{name} is {text[:40]!r}; expected an MJD (TT) between 30000 and 100000")
    return number


def _flux_band(parameters: Mapping[str, Sequence[str]]) -> tuple[float, float] | None:
    text = _single(parameters, "flux_band", "")
    if not text:
        return None
    low, dash, high = text.partition("-")
    try:
        band = float(low), float(high)
    except ValueError:
        band = (math.nan, math.nan)
    if not (dash and 0.1 <= band[0] < band[1] <= 1e5):
        raise UsageError(f"flux_band is {text[:40]!r}; expected two energies in keV, for example 20-100")
    return band
