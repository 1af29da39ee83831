"""Write a whole simulated mission: four deliveries in a folder."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from archive.errors import UsageError
from ingestion.simulation.catalogues import write_bursts, write_stars, write_survey
from ingestion.simulation.delivery import write_delivery
from ingestion.simulation.observation_log import write_mission_log
from ingestion.simulation.optical import make_star_curves, write_star_curve
from ingestion.simulation.options import SIMULATION_VERSION, SimulationOptions
from ingestion.simulation.pointing import make_plan
from ingestion.simulation.products import write_products
from ingestion.simulation.reference_catalogue import write_reference_catalogue
from ingestion.simulation.response import make_response
from ingestion.simulation.skymaps import write_maps, write_year_maps
from ingestion.simulation.sources import load_sources
from ingestion.simulation.spectra import ARF_FILE, RMF_FILE

MARKER = "simulation.json"
_DELIVERIES = ("mission", "catalogues", "products", "maps")


def write_mission(directory: Path, options: SimulationOptions, progress: Callable[[str], None]) -> bool:
    """Write the simulated mission that `options` describe to `directory`, as four deliveries.

    The folder is made if need be. When it already holds this very mission, complete, nothing is done; a mission left
    half-written or made with other options is written anew.

    Parameters
    ----------
    directory : the folder; files other than those of an earlier simulation are never touched
    options : size, resolution and seed
    progress : called with one line of text before each step

    Returns
    -------
    bool
        Whether it was written; False when it was there already.

    Raises
    ------
    UsageError
        If `directory` is a file, or holds something that is not a simulated mission.
    OSError
        If a file cannot be written; the folder then stays marked as incomplete.
    """
    if _prepare(directory, options):
        progress(f"the simulated mission in {directory} is there already, complete")
        return False
    sources = load_sources()
    progress(f"pointing plan of {options.science_windows} science windows")
    plan = make_plan(options, sources)
    progress("observation log")
    folder = directory / "mission"
    write_mission_log(folder, plan, options)
    write_delivery(
        folder,
        options,
        title="Simulated mission, observation log",
        description="Revolutions, proposals, observations, science windows, IREM counts of a simulated mission.",
        instruments=("isgri", "picsit", "spi", "jemx1", "jemx2", "omc", "irem"),
        files=(
            ("revolutions.fits", "revolutions"),
            ("proposals.fits", "proposals"),
            ("observations.fits", "observations"),
            ("science_windows_*.fits", "science_windows"),
            ("irem_counts.fits", "irem_counts"),
        ),
    )
    folder = directory / "maps"
    measured = write_maps(folder, plan, sources, options, progress)
    if options.year_maps:
        write_year_maps(folder, plan, sources, options, progress)
    write_delivery(
        folder,
        options,
        title="Simulated mission, sky maps",
        description="All-sky flux, variance and exposure maps of a simulated mission.",
        instruments=("isgri", "jemx1", "jemx2"),
        files=(("*_maps.fits", "sky_maps"),),
    )
    progress("products")
    response = make_response()
    curves = make_star_curves(plan, sources, options)
    folder = directory / "products"
    write_products(folder, plan, sources, response, options, progress)
    longest = sorted(curves, key=lambda curve: -len(curve.time))[: options.products]
    for curve in (curve for curve in longest if len(curve.time)):
        write_star_curve(folder, curve)
    write_delivery(
        folder,
        options,
        title="Simulated mission, products",
        description="Light curves, spectra with their response, mosaics and event lists of a simulated mission.",
        instruments=("isgri", "jemx1", "omc"),
        files=(
            ("*_timeseries.fits", "time_series"),
            ("*_isgri_*_lightcurve.fits", "light_curve"),
            ("*_spectrum_spe.fits", "spectrum"),
            (ARF_FILE, "arf"),
            (RMF_FILE, "rmf"),
            ("*_mosaic.fits", "mosaic"),
            ("*_events.fits", "event_list"),
            ("iomc_*_v_lightcurve.fits", "omc_light_curve"),
        ),
    )
    progress("catalogues")
    folder = directory / "catalogues"
    rng = np.random.default_rng([options.seed, 7])
    write_reference_catalogue(folder / "gnrl_refr_cat.fits", sources, response)
    write_survey(folder / "ibis_catalogue.fits", "IBIS", plan, sources, measured, rng)
    write_survey(folder / "jemx_catalogue.fits", "JEMX", plan, sources, measured, rng)
    write_bursts(folder / "spi_grb_catalogue.fits", plan, options)
    write_stars(folder / "omc_catalogue.fits", curves)
    write_delivery(
        folder,
        options,
        title="Simulated mission, catalogues",
        description="Reference catalogue, survey catalogues of IBIS and JEM-X, bursts, stars of a simulated mission.",
        instruments=("isgri", "spi", "jemx1", "jemx2", "omc"),
        files=(
            ("gnrl_refr_cat.fits", "isdc_reference_catalogue"),
            ("ibis_catalogue.fits", "ibis_catalogue"),
            ("jemx_catalogue.fits", "jemx_catalogue"),
            ("spi_grb_catalogue.fits", "spi_grb_catalogue"),
            ("omc_catalogue.fits", "omc_catalogue"),
        ),
    )
    _mark(directory, options, "complete")
    return True


def _prepare(directory: Path, options: SimulationOptions) -> bool:
    """Make the folder ready for writing; True when it holds the wanted mission already."""
    if directory.exists() and not directory.is_dir():
        raise UsageError(f"{directory} is a file; give a folder for the simulated mission")
    present = {path.name for path in directory.iterdir()} if directory.exists() else set()
    foreign = present - {MARKER, *_DELIVERIES}
    if present and (MARKER not in present or foreign):
        what = min(foreign) if foreign else min(present)
        raise UsageError(f"{directory} is not empty and not a simulated mission ({what} is there); give another folder")
    if MARKER in present and _read_marker(directory) == _marker(options, "complete"):
        return True
    directory.mkdir(parents=True, exist_ok=True)
    _mark(directory, options, "writing")
    for name in _DELIVERIES:
        if (directory / name).exists():
            shutil.rmtree(directory / name)
        (directory / name).mkdir()
    return False


def _marker(options: SimulationOptions, state: str) -> dict[str, object]:
    return {"simulation": SIMULATION_VERSION, "state": state, "options": options.as_dict()}


def _mark(directory: Path, options: SimulationOptions, state: str) -> None:
    (directory / MARKER).write_text(json.dumps(_marker(options, state), indent=2) + "\n", "ascii")


def _read_marker(directory: Path) -> object:
    """What the marker says; None when it was cut short by a crash, which makes the mission incomplete."""
    try:
        return json.loads((directory / MARKER).read_text("ascii"))
    except ValueError:
        return None
