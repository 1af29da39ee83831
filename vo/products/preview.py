"""Small pictures of products for `#preview` links: images with their stretch, light curves and spectra with axes."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from archive.api.points import SERIES_KINDS, product_files, read_product_series, read_product_spectrum, series_label
from archive.errors import NotFoundError, UsageError
from archive.formats import read_image
from archive.models import Product, ProductFile
from archive.storage import file_path
from archive.website.pictures import palette

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

FloatArray = NDArray[np.float64]

WIDTH, HEIGHT = 640, 400
LONGEST_SIDE = 600
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 14, 44, 46
_INK, _FAINT, _LINE, _WARNING = (20, 30, 40), (225, 230, 234), (13, 90, 120), (176, 0, 32)
_IMAGES = (Product.Kind.MOSAIC, Product.Kind.SCW_IMAGE)
_SHOWN = ("significance", "intensity", "image")
_MOST_POINTS = 20_000


@dataclass(frozen=True, slots=True)
class _Plot:
    """Points with one-sigma errors and half widths along x, and what their axes are called."""

    x: FloatArray
    half_width: FloatArray
    y: FloatArray
    error: FloatArray
    x_label: str
    y_label: str
    logarithmic: bool


def can_preview(product: Product) -> bool:
    """Say whether a product has a picture."""
    return product.kind in (*_IMAGES, Product.Kind.SPECTRUM) or (
        product.kind in SERIES_KINDS and product.instrument != "irem"
    )


def draw_preview(product: Product) -> bytes:
    """Return a PNG of a product; a simulated one says so in the picture.

    Raises
    ------
    UsageError
        If there is nothing to draw of its kind.
    NotFoundError
        If it has no science file in this release.
    """
    if not can_preview(product):
        raise UsageError(f"{product.product_id} is of the kind {product.kind}, which has no picture")
    if product.kind in _IMAGES:
        return _draw_image(product)
    plot = _spectrum_plot(product) if product.kind == Product.Kind.SPECTRUM else _series_plot(product)
    return _draw_plot(product, plot)


def _draw_image(product: Product) -> bytes:
    from PIL import Image, ImageDraw  # noqa: PLC0415 - start-up, for pictures that few ask for

    file = next((one for one in product_files(product.product_id) if one.role == ProductFile.Role.SCIENCE), None)
    if file is None:
        raise NotFoundError(f"{product.product_id} has no science file in this release")
    mosaic = read_image(file_path(file.sha256))[0]
    plane = next((found for name in _SHOWN if (found := mosaic.plane(name)) is not None), mosaic.planes[0])
    step = max(1, math.ceil(max(mosaic.shape) / LONGEST_SIDE))
    values = plane.pixels[::-step, ::step]  # the first row is the lowest
    seen = np.isfinite(values)
    indices = np.zeros(values.shape, dtype=np.uint8)
    if seen.any():
        # Noise stays dark: colours begin at the middle of the values and reach at least eight times their scatter.
        middle = float(np.median(values[seen]))
        scatter = 1.4826 * float(np.median(np.abs(values[seen] - middle)))
        high = max(float(np.percentile(values[seen], 99.9)), middle + 8.0 * scatter)
        level = np.clip((values[seen] - middle) / max(high - middle, 1e-30), 0.0, 1.0)
        indices[seen] = (24 + 231 * np.sqrt(level)).astype(np.uint8)
    picture = Image.fromarray(palette()[indices])
    if product.simulated:
        ImageDraw.Draw(picture).text((6, 4), "SIMULATED", fill=(255, 255, 255), font=_font(14))
    return _encode(picture)


def _series_plot(product: Product) -> _Plot:
    curves = read_product_series(product)
    curve = curves[0]
    others = f" ({len(curves)} bands, the first is shown)" if len(curves) > 1 else ""
    name = f"{series_label(curve)}{others}, {curve.quantity} {f'({curve.rate_unit})' if curve.rate_unit else ''}"
    half = np.nan_to_num(curve.half_width_d)
    return _Plot(curve.time_mjd_tt, half, curve.rate, curve.error, "MJD (TT)", name, logarithmic=False)


def _spectrum_plot(product: Product) -> _Plot:
    spectrum = read_product_spectrum(product)
    if not np.isfinite(spectrum.energy_min_kev).all():
        channel = spectrum.channel.astype(np.float64)
        half = np.full(channel.shape, 0.5)
        return _Plot(channel, half, spectrum.rate, spectrum.error, "channel", "rate (ct/s)", logarithmic=False)
    width = np.maximum(spectrum.energy_max_kev - spectrum.energy_min_kev, 1e-30)
    middle = np.sqrt(np.maximum(spectrum.energy_min_kev, 1e-3) * spectrum.energy_max_kev)
    good = np.where(spectrum.quality == 0, spectrum.rate, np.nan)
    return _Plot(middle, width / 2, good / width, spectrum.error / width, "keV", "rate (ct/s/keV)", logarithmic=True)


def _draw_plot(product: Product, plot: _Plot) -> bytes:
    from PIL import Image, ImageDraw  # noqa: PLC0415 - start-up, for pictures that few ask for

    picture = Image.new("RGB", (WIDTH, HEIGHT), (255, 255, 255))
    draw = ImageDraw.Draw(picture)
    draw.text((_LEFT, 6), _ascii(product.title, 80), fill=_INK, font=_font(14))
    words = f"SIMULATED, not measured.  {plot.y_label}" if product.simulated else plot.y_label
    draw.text((_LEFT, 25), _ascii(words, 90), fill=_WARNING if product.simulated else _INK, font=_font(12))
    shown = np.isfinite(plot.x) & np.isfinite(plot.y)
    if plot.logarithmic:
        shown &= (plot.x > 0) & (plot.y > 0)
    if not shown.any():
        draw.text((_LEFT, HEIGHT // 2), "no point has a value", fill=_INK, font=_font(14))
        return _encode(picture)
    places = np.flatnonzero(shown)
    places = places[:: max(1, math.ceil(len(places) / _MOST_POINTS))]
    x, y = plot.x[places], plot.y[places]
    half, error = plot.half_width[places], np.nan_to_num(plot.error[places])
    across = _Axis.around(x, plot.logarithmic, _LEFT, WIDTH - _RIGHT)
    up = _Axis.around(y, plot.logarithmic, HEIGHT - _BOTTOM, _TOP)
    _draw_axes(draw, across, up, plot.x_label)
    left, right = across.pixels(x - half), across.pixels(x + half)
    low, high = up.pixels(y - error), up.pixels(y + error)
    for px, py, x0, x1, y0, y1 in zip(across.pixels(x), up.pixels(y), left, right, low, high, strict=True):
        draw.line((x0, py, x1, py), fill=_LINE)
        draw.line((px, y0, px, y1), fill=_LINE)
        draw.rectangle((px - 1, py - 1, px + 1, py + 1), fill=_LINE)
    return _encode(picture)


@dataclass(frozen=True, slots=True)
class _Axis:
    """Values from `low` to `high`, or their decimal logarithms, along the pixels from `first` to `last`."""

    low: float
    high: float
    first: int
    last: int
    logarithmic: bool

    @classmethod
    def around(cls, values: FloatArray, logarithmic: bool, first: int, last: int) -> "_Axis":  # noqa: FBT001 - as in _Plot
        scaled = np.log10(values) if logarithmic else values
        low, high = float(scaled.min()), float(scaled.max())
        margin = 0.05 * (high - low) or 0.5
        return cls(low - margin, high + margin, first, last, logarithmic)

    def pixels(self, values: FloatArray) -> Sequence[float]:
        """Return where values lie, those beyond an end at that end."""
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled = np.log10(np.maximum(values, 1e-300)) if self.logarithmic else values
        part = np.clip((scaled - self.low) / (self.high - self.low), 0.0, 1.0)
        return (self.first + part * (self.last - self.first)).tolist()

    def ticks(self) -> list[float]:
        """Return round values, some five of them: multiples of 1, 2 or 5 of a power of ten."""
        if self.logarithmic and self.high - self.low > 1.0:
            return [10.0**power for power in range(math.ceil(self.low), math.floor(self.high) + 1)]
        low, high = (10.0**self.low, 10.0**self.high) if self.logarithmic else (self.low, self.high)
        step = 10.0 ** math.floor(math.log10((high - low) / 4.0))
        step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (factor * step) <= 6.0)
        return [step * count for count in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _draw_axes(draw: "ImageDraw", across: _Axis, up: _Axis, x_label: str) -> None:
    bottom = up.first
    for value, place in zip(across.ticks(), across.pixels(np.array(across.ticks())), strict=True):
        draw.line((place, _TOP, place, bottom), fill=_FAINT)
        draw.text((place, bottom + 4), f"{value:.9g}", fill=_INK, font=_font(11), anchor="ma")
    for value, place in zip(up.ticks(), up.pixels(np.array(up.ticks())), strict=True):
        draw.line((_LEFT, place, across.last, place), fill=_FAINT)
        draw.text((_LEFT - 5, place), f"{value:.5g}", fill=_INK, font=_font(11), anchor="rm")
    draw.rectangle((_LEFT, _TOP, across.last, bottom), outline=_INK)
    draw.text(((_LEFT + across.last) / 2, bottom + 24), x_label, fill=_INK, font=_font(12), anchor="ma")


def _font(size: int) -> Any:
    from PIL import ImageFont  # noqa: PLC0415 - start-up, for pictures that few ask for

    return ImageFont.load_default(size)


def _ascii(text: str, longest: int) -> str:
    """Return a text in the letters of the font that Pillow brings."""
    return text.replace("\N{EN DASH}", "-").encode("ascii", "replace").decode()[:longest]


def _encode(picture: Any) -> bytes:
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()
