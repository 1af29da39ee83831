"""Counts per second become mCrab by the Crab's own rate in the nearest epoch."""

import numpy as np
import pytest

from archive.healpix import pixels_nested
from tests.unit.upper_limits.test_history import BANDS, ORDER, SPOT, make_epoch
from upper_limits.crab_rate import CRAB_POSITION, MAX_DAYS, measure_crab
from upper_limits.epoch_table import HistorySelection, combine_targets, list_epochs
from upper_limits.epochs import write_epoch
from upper_limits.flux import CRABS, PowerLaw, crab_photon_flux, energy_flux_per_photon_flux
from upper_limits.history import EpochReadings, build_history
from upper_limits.limits import Options
from upper_limits.params import EpochChoice
from upper_limits.positions import Target
from upper_limits.stacking import Pixels

OPTIONS = Options(0.95, 0.95, "one")


def readings(epochs, flux, error):
    count = len(epochs)
    column = np.array(flux, dtype=float)[:, None]
    variance = np.full((count, 1), error**2)
    return EpochReadings(0, np.array(epochs), column, variance, np.ones((count, 1)), np.ones((count, 1)), 1.0)


def test_the_nearest_epoch_that_saw_the_crab_within_a_year_gives_the_rate():
    middle = np.array([53000.0, 53100.0, 53180.0, 53000.0 + MAX_DAYS + 1.0, 55000.0])
    seen = readings([0, 2], [70.0, 60.0], 0.1)

    def read(ra, dec):
        assert (ra, dec) == CRAB_POSITION
        return seen

    found = measure_crab(read, middle, np.zeros(5, dtype=bool), ["ct/s"])
    assert found.epoch[:, 0].tolist() == [0, 2, 2, 2, -1]
    assert found.rate[:4, 0].tolist() == [70.0, 60.0, 60.0, 60.0]
    assert np.isnan(found.rate[4, 0])


def test_simulated_epochs_do_not_weigh_measured_ones():
    middle, simulated = np.array([53000.0, 53010.0, 53020.0]), np.array([True, False, False])
    found = measure_crab(lambda *_: readings([0, 2], [70.0, 60.0], 0.1), middle, simulated, ["ct/s"])
    assert found.epoch[:, 0].tolist() == [0, 2, 2]


@pytest.mark.parametrize(
    ("flux", "unit"), [([1.9, 1.0], "ct/s"), ([70.0, 60.0], "mCrab")], ids=["no 20 sigma", "no counts"]
)
def test_without_a_crab_in_counts_there_is_no_rate(flux, unit):
    found = measure_crab(
        lambda *_: readings([0, 1], flux, 0.1), np.array([53000.0, 53001.0]), np.zeros(2, dtype=bool), [unit]
    )
    assert np.isnan(found.rate).all()
    assert (found.epoch == -1).all()


def with_crab(epoch, rate):
    """The same epoch with a source of `rate` in the pixel of the Crab."""
    ipix, values = epoch.load()
    n, crab = len(epoch.bands), ipix == int(pixels_nested(ORDER, *CRAB_POSITION))
    assert crab.sum() == 1
    pixels = [
        Pixels(ipix, np.where(crab, rate, values[:, b]), values[:, n + b].astype(float), values[:, 2 * n + b])
        for b in range(n)
    ]
    return write_epoch(epoch.path.with_name(epoch.path.name.replace(".", "c.")), epoch, BANDS, pixels)


@pytest.fixture
def history(tmp_path):
    epochs = [make_epoch(tmp_path / "epochs", number) for number in (1, 2, 3)]
    epochs[1] = with_crab(epochs[1], 80.0)
    return build_history(tmp_path / "history", epochs, release="r1").histories[0]


def test_limits_of_epochs_are_given_in_mcrab_and_erg_and_can_be_recomputed(history):
    assert history.readout.order == ORDER
    place = [Target("near", *SPOT)]
    rows = list_epochs([HistorySelection(history, [0])], place, OPTIONS, EpochChoice(listed=True), 0)
    assert rows["crab_epoch"] == ["0002"] * 3
    assert rows["crab_rate"] == pytest.approx([80.0] * 3, rel=0.1)
    assert rows["message"] == [""] * 3
    for limit, rate, mcrab, erg in zip(
        rows["upper_limit"], rows["crab_rate"], rows["upper_limit_mcrab"], rows["upper_limit_erg"], strict=True
    ):
        assert mcrab == pytest.approx(1000 * limit / rate)
        photons = 1e-3 * mcrab * crab_photon_flux(CRABS["10*E**-2.1"], 20, 40)
        assert erg == pytest.approx(photons * energy_flux_per_photon_flux(PowerLaw(2.1), (20, 40), (20, 40)))


def test_the_mean_of_epochs_takes_the_mean_of_the_rates_with_the_same_weights(history):
    place = [Target("near", *SPOT)]
    (rate,) = combine_targets([HistorySelection(history, [0])], place, OPTIONS, EpochChoice(), 0)["crab_rate"]
    assert rate == pytest.approx(80.0, rel=0.1)


def test_without_the_crab_rows_say_why_there_is_no_conversion(tmp_path):
    epochs = [make_epoch(tmp_path / "epochs", number, center=(200.0, -40.0)) for number in (1, 2)]
    (history,) = build_history(tmp_path / "history", epochs, release="r1").histories
    place = [Target("far", 200.0, -40.0)]
    rows = list_epochs([HistorySelection(history, [0])], place, OPTIONS, EpochChoice(listed=True), 0)
    assert np.isnan(rows["upper_limit_mcrab"]).all()
    assert all("no epoch within 366 days saw the Crab with 20 sigma" in message for message in rows["message"])
    assert set(rows["crab_epoch"]) == {""}
