"""Time the HiPS: export, builds, tiles in process and over HTTP, space-time coverage; beside Hipsgen and reproject.

    python tests/benchmark/sky_maps.py inputs  FOLDER SCRIPT PYTHON   # once: SCRIPT is make_inputs.py of the shared folder
    python tests/benchmark/sky_maps.py export  FOLDER [PYTHON]        # nside 512 and 1024; PYTHON has reproject
    python tests/benchmark/sky_maps.py mosaics FOLDER [PYTHON]        # 150 overlapping mosaics
    python tests/benchmark/sky_maps.py tiles                          # in process
    python tests/benchmark/sky_maps.py http    FOLDER                 # a server of its own on a free port
    python tests/benchmark/sky_maps.py stmoc                          # 200,000 pointings

Figures are CPU seconds (user + system) of whole processes, start included, unless they say otherwise. What is compared
runs in turns, so that a busy machine is as busy for all. Hipsgen is Debian's package aladin; PYTHON is that of an
environment of its own, with reproject, healpy and cdshealpix (which SCRIPT needs too).
"""

import os
import re
import resource
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
JAR = Path("/usr/share/java/aladin.jar")
ROUNDS = 2
CLIENTS, CONNECTIONS, SECONDS = 2, 4, 5.0
FACTS = ("--instrument", "isgri", "--energy", "20", "40", "--time", "52600", "60000", "--simulated")
REPROJECT = """
import sys, glob
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from reproject import reproject_interp
from reproject.hips import reproject_to_hips
path, out, width = sys.argv[1], sys.argv[2], int(sys.argv[3])
if "map_n" in path:
    from reproject import reproject_from_healpix
    values = np.concatenate([row for row in fits.getdata(path, 1)["FLUX"]]).astype("f4")
    def interpolate(data, wcs, shape_out=None, **more):
        return reproject_from_healpix((values, "icrs"), wcs, shape_out=shape_out, nested=True, order="nearest-neighbor")
    header = fits.Header({"NAXIS": 2, "NAXIS1": 360, "NAXIS2": 180, "CTYPE1": "RA---CAR", "CTYPE2": "DEC--CAR",
        "CRPIX1": 180.5, "CRPIX2": 90.5, "CRVAL1": 0.0, "CRVAL2": 0.0, "CDELT1": -1.0, "CDELT2": 1.0})
    data = (np.zeros((180, 360), "f4"), WCS(header))
else:
    interpolate = reproject_interp
    hdu = fits.open(path)[0]
    data = (hdu.data, WCS(hdu.header))
reproject_to_hips(data, output_directory=out, coord_system_out="equatorial", level=3, tile_size=width,
    reproject_function=interpolate, progress_bar=None, threads=False)
"""


def main(arguments: Sequence[str]) -> None:
    """Run one of the benchmarks."""
    match list(arguments):
        case ["inputs", folder, script, python]:
            subprocess.run([python, script, str(Path(folder) / "in"), "150"], check=True)
        case ["export", folder, *python]:
            measure_export(Path(folder), *python)
        case ["mosaics", folder, *python]:
            measure_mosaics(Path(folder), *python)
        case ["tiles"]:
            measure_tiles()
        case ["http", folder]:
            measure_http(Path(folder))
        case ["stmoc"]:
            measure_space_time()
        case _:
            print(__doc__)
            raise SystemExit(2)


def run(command: Sequence[object], folder: Path) -> tuple[float, float, float, str]:
    """Run a command: CPU seconds of the program and of the kernel, peak memory in MB, and what it said."""
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "said.txt"
    with log.open("w") as out:
        process = subprocess.Popen(
            [str(word) for word in command], stdout=out, stderr=out, cwd=ROOT, env=environment(folder)
        )
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    said = log.read_text(errors="replace")
    if process.returncode != 0:
        raise RuntimeError(f"{command[:6]} failed: {said[-600:]}")
    return used.ru_utime, used.ru_stime, used.ru_maxrss / 1e3, said


def environment(folder: Path) -> dict[str, str]:
    return os.environ | {
        "ARCHIPELAGO_DATA": str(folder / "data"),
        "ARCHIPELAGO_SECRET_KEY": secrets.token_hex(),
        "DJANGO_SETTINGS_MODULE": "archive.settings",
        "PYTHONPATH": str(ROOT),
    }


def archipelago(*words: object) -> list[object]:
    return [sys.executable, "-m", "archive.cli", *words]


def hipsgen(*words: object) -> list[object]:
    return ["java", "-Djava.awt.headless=true", "-jar", JAR, "-hipsgen", *words]


def tell(what: str, found: str, aim: str = "") -> None:
    print(f"{what:58} {found}{f'   (aim {aim})' if aim else ''}", flush=True)


def tell_runs(what: str, runs: Sequence[tuple[float, float, float, str]], aim: str = "") -> None:
    """The least and the greatest CPU time, the kernel's part, and memory."""
    if runs:
        totals = sorted(user + system for user, system, _, _ in runs)
        kernel = sorted(system for _, system, _, _ in runs)
        text = f"{totals[0]:.2f} to {totals[-1]:.2f} CPU s (kernel {kernel[0]:.2f} to {kernel[-1]:.2f})"
        tell(what, f"{text}, {max(memory for _, _, memory, _ in runs):.0f} MB", aim)


def measure_export(folder: Path, python: str = "") -> None:
    """One map of the whole sky, at two resolutions, to files: ours from a stored version and from the FITS file."""
    for nside, width, aim in ((512, 64, "1.5 CPU s; Hipsgen 11-16"), (1024, 128, "3 CPU s; Hipsgen 18-21")):
        source, name = folder / "in" / f"map_n{nside}_nest_C.fits", f"n{nside}"
        runs: dict[str, list[Any]] = {"export": [], "build": [], "zip": [], "Hipsgen": [], "reproject": []}
        for number in range(ROUNDS):
            out = folder / "out"
            shutil.rmtree(out, ignore_errors=True)
            built = archipelago("hips", "build", out / "built", source, "--name", name, *FACTS)
            runs["build"].append(run(built, folder))
            if number == 0:
                shutil.rmtree(folder / "data" / "maps", ignore_errors=True)
                shutil.copytree(out / "built" / "maps", folder / "data" / "maps")
            (version,) = (path.name for path in (folder / "data" / "maps").iterdir())
            export = archipelago("hips", "export", f"{name}-flux", out / "exported", "--map-version", version)
            runs["export"].append(run(export, folder))
            one = archipelago("hips", "export", f"{name}-flux", out / "one.zip", "--map-version", version)
            runs["zip"].append(run(one, folder))
            if JAR.is_file():
                words = (f"in={source}", f"out={out / 'hipsgen'}", "id=CDS/P/test", "MAPTILES", "MOC", "ALLSKY", "PNG")
                runs["Hipsgen"].append(run(hipsgen(*words), folder))
            if python and number == 0 and nside == 512:
                runs["reproject"].append(run([python, "-c", REPROJECT, source, out / "reproject", width], folder))
        tell_runs(f"nside {nside}: export of a stored map, FITS and PNG", runs["export"], aim)
        tell_runs(f"nside {nside}: the same to one zip file", runs["zip"])
        tell_runs(f"nside {nside}: build from the FITS file, with the export", runs["build"])
        tell_runs(f"nside {nside}: Hipsgen, FITS tiles", runs["Hipsgen"])
        tell_runs(f"nside {nside}: reproject, FITS tiles", runs["reproject"])


def measure_mosaics(folder: Path, python: str = "") -> None:
    """150 mosaics to one HiPS; the sources in it against the truth that the mosaics were made from."""
    files, out = sorted((folder / "in" / "mosaics").glob("*.fits")), folder / "out"
    ours, theirs, one = [], [], []
    for _ in range(ROUNDS):
        shutil.rmtree(out, ignore_errors=True)
        command = archipelago("hips", "build", out / "built", *files, "--name", "bench", "--average", *FACTS)
        ours.append(run(command, folder))
        if JAR.is_file() and not theirs:
            words = (f"in={files[0].parent}", f"out={out / 'hipsgen'}", "id=CDS/P/test")
            theirs.append(run(hipsgen(*words, "hips_order=3", "hips_tile_width=128", "INDEX", "TILES"), folder))
    if python:
        one.append(run([python, "-c", REPROJECT, files[0], out / "reproject", 128], folder))
    tell_runs(f"{len(files)} mosaics to one HiPS of order 3 x 128", ours, "8 CPU s, 500 MB; Hipsgen 59-61, 1,300 MB")
    tell_runs("Hipsgen, same order and width, FITS tiles", theirs)
    tell_runs("reproject, one mosaic of them, FITS tiles", one)
    (version,) = (out / "built" / "maps").iterdir()
    tell_fidelity(np.load(version / "bench-flux.npy", mmap_mode="r"), folder / "in" / "truth.ecsv")


def tell_fidelity(values: NDArray[np.float32], truth: Path) -> None:
    """Value over truth at the centre of the pixel of every isolated source above 15 mCrab: Gaussians of 12 arcmin."""
    from astropy.table import Table

    from archive.healpix import pixel_centres, pixels_nested, unit_vector

    table = Table.read(truth)
    ra, dec, flux = (np.asarray(table[name], dtype=float) for name in ("ra", "dec", "flux"))
    places = np.stack(unit_vector(ra, dec), axis=1)
    together = places @ places.T
    np.fill_diagonal(together, -1)
    chosen = (np.degrees(np.arccos(np.clip(together.max(axis=1), -1, 1))) > 1) & (flux > 15)
    order = (len(values) // 12).bit_length() // 2
    pixels = pixels_nested(order, ra[chosen], dec[chosen])
    centres = np.stack(unit_vector(*pixel_centres(order, pixels)), axis=1)
    width = np.radians(12 / 60 / 2.3548)
    expected = flux[chosen] * np.exp(-((centres - places[chosen]) ** 2).sum(axis=1) / (2 * width**2))
    ratio = (values[pixels] / expected)[np.isfinite(values[pixels])]
    tell(
        f"{ratio.size} isolated sources: value over truth, median (least)",
        f"{np.median(ratio):.3f} ({ratio.min():.3f})",
        "0.96",
    )


def measure_tiles() -> None:
    """Tiles of order 3, each asked once, through the view: from the request to the response."""
    os.environ |= environment(Path("/nonexistent")) | {"ARCHIPELAGO_PUBLIC_URL": "http://127.0.0.1"}
    import django

    django.setup()
    from django.test import RequestFactory

    from archive.skymaps import MapVersion, SkyMap
    from hips import services, views
    from hips.surveys import find_surveys
    from hips.tiles import pixels_from_array

    for order, kinds, aim in (
        (9, ("png", "fits", "jpg"), "p95 0.3 ms for PNG"), (10, ("png", "fits"), ""), (12, ("png", "fits", "jpg"), "p95 5 ms for PNG"),
    ):  # fmt: skip
        width, first = 1 << (order - 3), 300
        values = np.zeros(12 << (2 * order), dtype=np.float32)  # pages of zeros cost nothing until they are written
        values[first * width**2 : (first + 100) * width**2] = np.random.default_rng(1).normal(size=100 * width**2)
        facts = ("isgri", "20-40", 20.0, 40.0, "flux", order, "mCrab", 52600.0, 60000.0)
        sky_map = SkyMap("noise", *facts, simulated=True, title="noise")
        version = MapVersion("v1", Path("/nonexistent"), (sky_map,), {"noise": "0"}, datetime.now(UTC))
        opened = services.OpenSurvey(version, find_surveys(version)[0], pixels_from_array(values))
        views.services.find_published_version = lambda _, version=version: version
        views.services.open_survey = lambda *_, opened=opened: opened
        _ = opened.cuts
        requests = RequestFactory()
        for kind in kinds:
            times, spent = [], []
            for ipix in range(first, first + 100):
                path = f"Norder3/Dir0/Npix{ipix}.{kind}"
                request = requests.get(f"/hips/noise/{path}")
                begin, cpu = time.perf_counter(), time.thread_time()
                response = views.survey_file(request, "noise", path)
                spent.append((time.thread_time() - cpu) * 1e3)
                times.append((time.perf_counter() - begin) * 1e3)
                if response.status_code != 200:
                    raise RuntimeError(response.content)
            wall, cpu = np.percentile(times, [50, 95]), np.percentile(spent, [50, 95])
            found = f"median {wall[0]:.3f}, p95 {wall[1]:.3f} ms; CPU {cpu[0]:.3f}, {cpu[1]:.3f} ms"
            tell(f"{width}-pixel {kind}, 100 tiles of noise", found, aim)
        del values, opened


def fill() -> None:
    """Publish maps for the server; run in a process of its own, with ARCHIPELAGO_DATA set."""
    import django

    django.setup()
    from django.core.management import call_command

    from archive.models import Delivery
    from archive.services import open_publication
    from archive.skymaps import SkyMap

    call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
    delivery = Delivery(
        delivery_id="benchmark-maps", title="Maps of the benchmark (simulated)", team="benchmark", simulated=True,
        digest_sha256="0" * 64, received_at=datetime.now(UTC),
    )  # fmt: skip
    facts = ("isgri", "20-40", 20.0, 40.0, "flux")
    rng = np.random.default_rng(1)
    with open_publication(delivery=delivery, description="Maps of the benchmark (simulated)") as publication:
        publication.publish_maps(
            (SkyMap(f"noise-{order}", *facts, order, "mCrab", 52600.0, 60000.0, simulated=True, title="noise"),
             rng.normal(size=12 << (2 * order)).astype(np.float32))
            for order in (9, 10)
        )  # fmt: skip


def measure_http(folder: Path) -> None:
    """Tiles over kept connections from several client processes, another tile each time."""
    import psutil

    if not (folder / "data" / "benchmark-filled").exists():
        shutil.rmtree(folder / "data", ignore_errors=True)
        code = "from tests.benchmark.sky_maps import fill; fill()"
        run([sys.executable, "-c", code], folder)
        (folder / "data" / "benchmark-filled").touch()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ("serve", "--port", str(port), "--web-workers", "2", "--job-workers", "1")
    with (folder / "serve.log").open("wb") as log:
        server = subprocess.Popen(
            [str(word) for word in archipelago(*words)], env=environment(folder), stdout=log, stderr=log, cwd=ROOT
        )
    try:
        wait_for(port)
        family = psutil.Process(server.pid)
        for survey, what, aim in (
            ("noise-9", "64-pixel", "1,500 tiles/s"), ("noise-10", "128-pixel", ""),
        ):  # fmt: skip
            for kind in ("png", "fits"):
                ask_tiles(port, survey, kind, 1.0)
                before = cpu_of(family)
                count, size, times = ask_tiles(port, survey, kind, SECONDS)
                cpu = (cpu_of(family) - before) / count * 1e3
                found = f"{count / SECONDS:.0f} tiles/s, {cpu:.2f} ms CPU of the server each ({2000 / cpu:.0f}/s for two cores of it)"
                p95 = f"median {statistics.median(times):.1f}, p95 {np.percentile(times, 95):.1f} ms, {size / count / 1e3:.1f} kB"
                tell(f"{what} {kind} over HTTP, {CLIENTS * CONNECTIONS} connections", f"{found}; {p95}", aim)
    finally:
        server.terminate()
        server.wait(60)


def wait_for(port: int) -> None:
    for _ in range(300):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    raise RuntimeError("the server did not start within a minute")


def cpu_of(family: Any) -> float:
    """CPU seconds of the server's processes, the database left out."""
    total = 0.0
    for process in (family, *family.children(recursive=True)):
        with suppress(Exception):
            if "postgres" not in process.name():
                used = process.cpu_times()
                total += used.user + used.system
    return total


def ask_tiles(port: int, survey: str, kind: str, seconds: float) -> tuple[int, int, list[float]]:
    """Tiles, bytes and milliseconds for each that all clients had in that time."""
    with get_context("spawn").Pool(CLIENTS) as pool:
        parts = pool.starmap(client, [(port, survey, kind, seconds, number) for number in range(CLIENTS)])
    return sum(part[0] for part in parts), sum(part[1] for part in parts), [one for part in parts for one in part[2]]


def client(port: int, survey: str, kind: str, seconds: float, number: int) -> tuple[int, int, list[float]]:
    """Several connections, each asking for one tile after the other: the least that a client can do."""
    done: list[tuple[int, float]] = []
    stop = time.perf_counter() + seconds

    def ask(offset: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as connection:
            ipix = offset
            while (begin := time.perf_counter()) < stop:
                ipix = (ipix + 7) % 768
                connection.sendall(
                    b"GET /hips/%s/Norder3/Dir0/Npix%d.%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
                    % (survey.encode(), ipix, kind.encode())
                )
                done.append((read_answer(connection), (time.perf_counter() - begin) * 1e3))

    threads = [threading.Thread(target=ask, args=(97 * (number * CONNECTIONS + one),)) for one in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(done), sum(size for size, _ in done), [spent for _, spent in done]


def read_answer(connection: socket.socket) -> int:
    """Size of the body of one answer."""
    content = connection.recv(65536)
    while b"\r\n\r\n" not in content:
        content += connection.recv(65536)
    head, _, body = content.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    if not head.startswith(b"HTTP/1.1 200") or length is None:
        raise RuntimeError(head[:300])
    left = int(length[1]) - len(body)
    while left > 0:
        left -= len(connection.recv(1 << 20))
    return int(length[1])


def measure_space_time() -> None:
    """The mission's space-time coverage of 200,000 pointings, made and written as FITS."""
    from hips.st_moc import encode_space_time, make_space_time

    rng = np.random.default_rng(1)
    count, day = 200_000, 86_400_000_000
    start = np.sort(rng.uniform(52600, 60600, count))
    start_us = ((start + 2400000.5) * day).astype(np.int64)
    field = np.repeat(rng.uniform(0, 1, (count // 50, 2)), 50, axis=0) + rng.normal(0, 0.004, (count, 2))
    ra, dec = field[:, 0] % 1 * 360, np.degrees(np.arcsin(np.clip(2 * (field[:, 1] % 1) - 1, -1, 1)))
    for chosen, order, text in (
        (slice(None), 24, f"the mission's {count:,} pointings, cells of 38 hours"),
        (slice(count // 20), 27, f"a year's {count // 20:,} pointings, cells of 4.8 hours"),
    ):
        begin = time.process_time()
        stop_us = start_us + 2_000_000_000
        where = start_us[chosen], stop_us[chosen], ra[chosen], dec[chosen]
        found = make_space_time(*where, radius_deg=14.5, time_order=order, space_order=6)
        made = time.process_time() - begin
        content = encode_space_time(found)
        spent = f"{made:.2f} + {time.process_time() - begin - made:.2f} CPU s"
        tell(f"ST-MOC of {text}", f"{spent}, {len(found.entries):,} entries, {len(content) / 1e6:.1f} MB")
    tell("peak memory", f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main(sys.argv[1:])
