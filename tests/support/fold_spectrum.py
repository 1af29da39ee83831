"""Folds a power law through an OGIP response with gammapy: ``fold_spectrum.py ARF RMF`` prints counts/s per channel.

Not a byte of the files is changed; two things in gammapy need help: with the locked release of regions it imports a
function that is not there (and not used here), and it takes the channels of each group of the matrix for arrays, which
OGIP writes as scalars where each row has one group (CAL/GEN/92-002, section 5.1).
"""

import json
import sys
from importlib import import_module

import numpy as np
from astropy.io import fits

helpers = import_module("regions._utils.wcs_helpers")
if not hasattr(helpers, "pixel_scale_angle_at_skycoord"):
    vars(helpers)["pixel_scale_angle_at_skycoord"] = None
EDispKernel = import_module("gammapy.irf").EDispKernel

NORM, INDEX = 1e-2, 2.1
"""Photons per cm2, s and keV at 1 keV, and the photon index."""


def with_arrays(hdu):
    """Return the matrix with the channels of a group as arrays; the second element is never looked at."""
    values = [np.atleast_1d(row) for row in hdu.data["MATRIX"]]
    width = max(map(len, values))
    filled = np.array([np.pad(row, (0, width - len(row))) for row in values])
    columns = [fits.Column(name, "E", unit="keV", array=hdu.data[name]) for name in ("ENERG_LO", "ENERG_HI")]
    columns.append(fits.Column("N_GRP", "I", array=hdu.data["N_GRP"]))
    columns += [
        fits.Column(name, "2J", array=np.stack([hdu.data[name], np.zeros(len(hdu.data))], axis=1))
        for name in ("F_CHAN", "N_CHAN")
    ]
    columns.append(fits.Column("MATRIX", f"{width}E", array=filled))
    header = fits.Header({"DETCHANS": hdu.header["DETCHANS"]})
    return fits.BinTableHDU.from_columns(columns, header=header, name="MATRIX")


def main(arf_path, rmf_path):
    """Print the folded model."""
    with fits.open(arf_path) as arf, fits.open(rmf_path) as rmf:
        hdus = {"MATRIX": with_arrays(rmf["SPECRESP MATRIX"]), "EBOUNDS": rmf["EBOUNDS"]}
        kernel = EDispKernel.from_hdulist(hdus)
        area = arf["SPECRESP"].data
        low, high = area["ENERG_LO"].astype(float), area["ENERG_HI"].astype(float)
        photons = NORM * (low ** (1 - INDEX) - high ** (1 - INDEX)) / (INDEX - 1)
        folded = (photons * area["SPECRESP"]) @ kernel.pdf_matrix
    print(json.dumps(folded.tolist()))


if __name__ == "__main__":
    main(*sys.argv[1:])
