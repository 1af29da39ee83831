"""Our own checker of an export: every tile there is and none too many, every value that of the map, the MOC exact.

Written against the standard and the map's array, without the code that makes tiles: HEALPix arithmetic by cdshealpix,
FITS by astropy, coverage by mocpy. Hipsgen's LINT looks at three tiles, this one at all.
"""

import re

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS
from cdshealpix.nested import lonlat_to_healpix
from mocpy import MOC

from hips import services
from hips.export import export_survey
from hips.properties import parse_properties
from tests.support.png import decode_png

TILE = re.compile(r"Norder(\d+)/Dir(\d+)/Npix(\d+)\.(fits|png)")


def degrade(values):
    """Mean of the valid pixels of each four, in double precision."""
    quads = values.reshape(-1, 4).astype(np.float64)
    count = np.isfinite(quads).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return (np.where(np.isfinite(quads), quads, 0).sum(axis=1) / count).astype(np.float32)


@pytest.mark.parametrize("quantity", ["flux", "exposure"])
def test_every_tile_of_an_export_is_right(maps, tmp_path, quantity):
    opened = services.open_survey(maps, f"isgri-20-40-{quantity}")
    export_survey(opened, tmp_path / "out")
    values = np.array(maps.values(maps.get(f"isgri-20-40-{quantity}")))
    properties = parse_properties((tmp_path / "out" / "properties").read_text())
    finest, width = int(properties["hips_order"]), int(properties["hips_tile_width"])
    assert 12 * 4**finest * width**2 == values.size
    by_order = {finest: values}
    for order in range(finest - 1, -1, -1):
        by_order[order] = degrade(by_order[order + 1])
    low, high = (float(word) for word in properties["hips_pixel_cut"].split())
    expected = {
        (order, ipix)
        for order, pixels in by_order.items()
        for ipix in np.flatnonzero(np.isfinite(pixels.reshape(-1, width**2)).any(axis=1)).tolist()
    }
    found = {"fits": set(), "png": set()}
    for path in (tmp_path / "out").rglob("Npix*"):
        order, directory, ipix, kind = TILE.fullmatch(str(path.relative_to(tmp_path / "out"))).groups()
        order, ipix = int(order), int(ipix)
        assert int(directory) == ipix // 10000 * 10000
        found[kind].add((order, ipix))
        members = by_order[order][ipix * width**2 : (ipix + 1) * width**2]
        if kind == "png":
            picture, _ = decode_png(path.read_bytes())
            assert (picture == 0).sum() == np.isnan(members).sum()
            bright, dark = (members >= high).sum(), (members <= low).sum()
            assert (picture == 255).sum() >= bright
            assert (picture == 1).sum() >= dark
            continue
        with fits.open(path) as file:
            header, data = file[0].header, file[0].data
        assert data.shape == (width, width)
        np.testing.assert_allclose(np.sort(data.ravel()), np.sort(members), rtol=1e-6)
        if order == finest:  # where each value lies, by wcslib and cdshealpix
            row, column = np.mgrid[0:width, 0:width]
            ra, dec = WCS(header).all_pix2world(column.ravel(), row.ravel(), 0)
            pixels = lonlat_to_healpix((ra % 360) * u.deg, dec * u.deg, depth=finest + width.bit_length() - 1)
            np.testing.assert_array_equal(values[pixels.astype(np.int64)], data.ravel())
    assert found == {"fits": expected, "png": expected}
    moc = MOC.load(tmp_path / "out" / "Moc.fits")
    order = finest + width.bit_length() - 1
    assert moc == MOC.from_healpix_cells(np.flatnonzero(np.isfinite(values)).astype(np.uint64),
                                         np.uint8(order), max_depth=order)  # fmt: skip
    assert float(properties["moc_sky_fraction"]) == pytest.approx(moc.sky_fraction, rel=1e-5)
