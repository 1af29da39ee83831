"""Time the upper limits over HTTP beside a PostgreSQL table keyed by pixel and naive FITS reading, in one run.

    python tests/benchmark/limits.py /tmp/limits-benchmark

The folder becomes the data directory of an archive of its own (5 GB, filled once): one instrument, nside 1024, 5 bands
over the whole sky, and 360 epochs that all saw one position; everything in it is simulated. A server is started on a
free port and stopped at the end. Aims are those of the project; CPU is that of the server's processes.
"""

import io
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import psycopg
import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]

ORDER, EPOCHS, EPOCH_PIXELS = 10, 360, 25_000
BANDS = ((20.0, 40.0), (40.0, 60.0), (60.0, 100.0), (100.0, 150.0), (150.0, 300.0))
SPOT = (83.6333, 22.0145)
REPEATS, CLIENTS, SECONDS = 400, 8, 5.0
PIXELS_IN_POSTGRESQL = 1 << 20
"""Rows of the compared table: the first base pixel; all positions asked of PostgreSQL lie there."""


def fill() -> None:
    """Publish maps, build their store and a history; run in a process of its own, with ARCHIPELAGO_DATA set."""
    import django

    django.setup()
    from django.core.management import call_command

    from archive.models import Delivery
    from archive.services import open_publication
    from upper_limits.services import build_current_store

    call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
    delivery = Delivery(
        delivery_id="benchmark-maps",
        title="Maps of the benchmark (simulated)",
        team="benchmark",
        simulated=True,
        digest_sha256="0" * 64,
        received_at=datetime.now(UTC),
    )
    with open_publication(delivery=delivery, description="Maps of the benchmark (simulated)") as publication:
        publication.publish_maps(make_maps())
    build_current_store()
    make_history()


def make_maps() -> Iterator[tuple[object, np.ndarray]]:
    """Noise of 1.2 sigma over the whole sky, the same 65,536 pixels again and again."""
    from archive.skymaps import SkyMap

    rng = np.random.default_rng(1)
    for low, high in BANDS:
        error = rng.uniform(0.5, 2.0, 1 << 16)
        planes = (
            ("flux", "mCrab", rng.normal(0.0, 1.2 * error)),
            ("variance", "mCrab**2", error**2),
            ("exposure", "s", 1e6 / error**2),
        )
        for quantity, unit, block in planes:
            name = f"isgri_{low:g}_{high:g}_{quantity}"
            facts = ("isgri", f"{low:g}-{high:g}", low, high, quantity, ORDER, unit, 52600.0, 60000.0)
            sky_map = SkyMap(
                name, *facts, simulated=True, title=quantity, psf_fwhm_arcmin=12.0, crab_convention="10*E**-2.1"
            )
            yield sky_map, np.tile(block.astype(np.float32), (12 << (2 * ORDER)) >> 16)


def make_history() -> None:
    """Write epochs that all saw the same patch of sky, and merge them."""
    from archive.healpix import pixels_nested
    from upper_limits.epoch_services import history_root
    from upper_limits.epochs import EpochMap, epoch_path, write_epoch
    from upper_limits.history import build_history
    from upper_limits.stacking import Pixels

    rng = np.random.default_rng(3)
    ra, dec = SPOT[0] + rng.uniform(-6, 6, 3 * EPOCH_PIXELS), SPOT[1] + rng.uniform(-6, 6, 3 * EPOCH_PIXELS)
    ipix = np.unique(pixels_nested(ORDER, np.append(ra, SPOT[0]), np.append(dec, SPOT[1])))
    bands = [(f"{low:g}-{high:g}", low, high, "count/s") for low, high in BANDS]
    epochs = []
    for number in range(EPOCHS):
        inputs, start = (f"{number:064x}",), 52600.0 + 20.0 * number
        path = epoch_path(history_root() / "epochs", "isgri", f"{number:04d}", ORDER, 0.2, inputs)
        facts = EpochMap(
            f"{number:04d}", "isgri", ORDER, 0.2, start, start + 2.5, simulated=True, inputs=inputs, bands=(), path=path
        )
        noise = rng.normal(0.0, 1.0, len(ipix))
        pixels = [Pixels(ipix, noise, np.full(len(ipix), 1.1), np.full(len(ipix), 5e4)) for _ in bands]
        epochs.append(write_epoch(path, facts, bands, pixels))
    build_history(history_root(), epochs, release="benchmark", notes=["simulated"])


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Run the archive on the folder: host, port and process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "archive.cli", "serve", "--port", str(port), "--web-workers", "2", "--job-workers", "1"]  # fmt: skip
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment(folder), stdout=log, stderr=log)
        try:
            for _ in range(600):
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                    break
                time.sleep(0.2)
            ask("127.0.0.1", port, single(*SPOT))
            yield "127.0.0.1", port, process.pid
        finally:
            process.terminate()
            process.wait(60)


def environment(folder: Path) -> dict[str, str]:
    return os.environ | {
        "ARCHIPELAGO_DATA": str(folder / "data"),
        "ARCHIPELAGO_SECRET_KEY": secrets.token_hex(),
        "DJANGO_SETTINGS_MODULE": "archive.settings",
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }


def single(ra: float, dec: float, more: str = "") -> str:
    return f"/api/v1/upper-limits?ra={ra:.6f}&dec={dec:.6f}{more}"


def ask(host: str, port: int, path: str, body: bytes | None = None, kind: str = "") -> bytes:
    """One request on a connection of its own."""
    connection = HTTPConnection(host, port, timeout=120)
    connection.request("POST" if body else "GET", path, body, {"Content-Type": kind} if body else {})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    if response.status != 200:
        raise RuntimeError(f"{path[:80]}: {response.status} {content[:300]!r}")
    return content


def cpu_of(pid: int) -> float:
    """CPU seconds of a process and all that came from it, the database left out, Linux only."""
    parents: dict[int, list[int]] = {}
    used: dict[int, float] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            name, fields = path.read_text().rsplit(")", 1)
            if "postgres" in name:
                continue
            words, child = fields.split(), int(path.parent.name)
            parents.setdefault(int(words[1]), []).append(child)
            used[child] = (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")
    found, total = [pid], 0.0
    while found:
        one = found.pop()
        total += used.get(one, 0.0)
        found += parents.get(one, [])
    return total


def spent(pid: int, before: float) -> float:
    """CPU seconds since; infinite where a process has ended meanwhile and taken its account with it."""
    used = cpu_of(pid) - before
    return used if used >= 0.0 else np.inf


def tell(what: str, found: str, aim: str = "") -> None:
    print(f"{what:66} {found}{f'   (aim {aim})' if aim else ''}", flush=True)


def random_places(count: int, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(0.0, 360.0, count), np.degrees(np.arcsin(rng.uniform(-1.0, 1.0, count)))


def measure_latency(host: str, port: int, pid: int) -> None:
    """One client with a kept connection."""
    ra, dec = random_places(REPEATS)
    paths = {
        ("one position, 5 bands, JSON", "15 ms"): [single(*place) for place in zip(ra, dec, strict=True)],
        ("history of one position, 360 epochs x 5 bands, JSON", "40 ms"): [single(*SPOT, "&history=1")] * 100,
        ("history, one band", "40 ms"): [single(*SPOT, "&history=1&band=20-40")] * 100,
        ("mean of the epochs of one position", ""): [single(*SPOT, "&t_min=52600")] * 100,
    }
    for (what, aim), asked in paths.items():
        connection = HTTPConnection(host, port, timeout=60)
        times, size = [], 0
        before = 0.0
        for number, path in enumerate([*asked[:20], *asked]):
            if number == 20:
                before = cpu_of(pid)
            begin = time.perf_counter()
            connection.request("GET", path)
            response = connection.getresponse()
            size = len(response.read())
            if response.status != 200:
                raise RuntimeError(f"{path}: {response.status}")
            if number >= 20:
                times.append(time.perf_counter() - begin)
        cpu = (cpu_of(pid) - before) / len(times) * 1e3
        middle, p95 = np.percentile(np.array(times) * 1e3, [50, 95])
        tell(
            what, f"median {middle:.1f}, p95 {p95:.1f} ms, {cpu:.1f} ms CPU, {size / 1e3:.0f} kB", aim and f"p95 {aim}"
        )
        connection.close()


def measure_throughput(host: str, port: int, pid: int) -> None:
    """Several clients at once, each on a kept connection, other positions each time."""
    counts = [0] * CLIENTS
    stop = time.perf_counter() + SECONDS
    before = cpu_of(pid)

    def client(number: int) -> None:
        ra, dec = random_places(2000, number)
        connection = HTTPConnection(host, port, timeout=60)
        while time.perf_counter() < stop:
            at = counts[number] % 2000
            connection.request("GET", single(ra[at], dec[at]))
            connection.getresponse().read()
            counts[number] += 1
        connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cpu = (cpu_of(pid) - before) / sum(counts) * 1e3
    tell(
        f"single requests, {CLIENTS} clients, 2 web workers",
        f"{sum(counts) / SECONDS:.0f} a second, {cpu:.2f} ms CPU each",
        "300 a second",
    )


def arrow_of(count: int) -> bytes:
    ra, dec = random_places(count)
    table, sink = pa.table({"ra": ra, "dec": dec}), io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def csv_of(count: int) -> bytes:
    ra, dec = random_places(count)
    return b"ra,dec\n" + "".join(f"{a:.6f},{d:.6f}\n" for a, d in zip(ra, dec, strict=True)).encode()


def measure_lists(host: str, port: int, pid: int) -> None:
    """Lists in and out in each format; every column of the table unless it says otherwise."""
    arrow, csv = "application/vnd.apache.arrow.stream", "text/csv"
    few = "&columns=ra,dec,instrument,band,status,upper_limit,flux,flux_error,unit"
    wanted = [
        (100_000, arrow, "arrow", "", "0.6 s"),
        (100_000, arrow, "votable", "", "0.6 s"),
        (100_000, csv, "csv", "", "1.5 s"),
        (100_000, csv, "csv", few, "1.5 s"),
        (100_000, arrow, "votable", few, "0.6 s"),
        (100_000, arrow, "fits", "", ""),
        (100_000, arrow, "parquet", "", ""),
        (100_000, arrow, "json_columns", "", ""),
        (100_000, arrow, "json", few, ""),
        (1_000_000, arrow, "arrow", "", "4 s"),
        (1_000_000, arrow, "arrow", few, "4 s"),
        (1_000_000, arrow, "votable", few, ""),
        (1_000_000, arrow, "fits", few, ""),
        (1_000_000, csv, "csv", few, ""),
    ]
    bodies: dict[tuple[int, str], bytes] = {}
    for count, kind, form, more, aim in wanted:
        body = bodies.get((count, kind))
        if body is None:
            body = bodies[count, kind] = (arrow_of if kind == arrow else csv_of)(count)
        best, cpu, size = np.inf, np.inf, 0
        for _ in range(2 if count > 100_000 else 3):
            before, begin = cpu_of(pid), time.perf_counter()
            size = drain(host, port, f"/api/v1/upper-limits?format={form}{more}", body, kind)
            best, cpu = min(best, time.perf_counter() - begin), min(cpu, spent(pid, before))
        columns = "9 columns" if more else "all columns"
        tell(
            f"{count:,} positions x 5 bands, {form}, {columns}",
            f"{best:.2f} s, {cpu:.2f} s CPU, {size / 1e6:.0f} MB",
            aim,
        )


def measure_query(host: str, port: int, pid: int) -> None:
    """ADQL's integral_ul for 10,000 uploaded positions, beside the same query without it."""
    content = csv_of(10_000)
    for what, column in (("", "dec"), (" with integral_ul", "integral_ul('isgri', '20-40', ra, dec, 0.9987)")):
        query = f"SELECT ra, dec, {column} AS x FROM tap_upload.mine"
        fields = {"LANG": "ADQL", "QUERY": query, "MAXREC": "10000", "UPLOAD": "mine,param:mine"}
        border = "benchmark-border"
        parts = [f'--{border}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in fields.items()]  # fmt: skip
        head = 'Content-Disposition: form-data; name="mine"; filename="mine.csv"\r\nContent-Type: text/csv'
        parts.append(f"--{border}\r\n{head}\r\n\r\n".encode() + content + f"\r\n--{border}--\r\n".encode())
        best, cpu = np.inf, np.inf
        for _ in range(4):
            before, begin = cpu_of(pid), time.perf_counter()
            drain(host, port, "/tap/sync", b"".join(parts), f"multipart/form-data; boundary={border}")
            best, cpu = min(best, time.perf_counter() - begin), min(cpu, spent(pid, before))
        tell(f"TAP, 10,000 uploaded positions{what}", f"{best:.2f} s, {cpu:.2f} s CPU without the database's")


def drain(host: str, port: int, path: str, body: bytes, kind: str) -> int:
    """Send a list and read the answer away, as a client that is never the slower one."""
    connection = HTTPConnection(host, port, timeout=300)
    connection.request("POST", path, body, {"Content-Type": kind})
    response = connection.getresponse()
    if response.status != 200:
        raise RuntimeError(f"{path}: {response.status} {response.read(300)!r}")
    size, buffer = 0, bytearray(1 << 20)
    while count := response.readinto(buffer):
        size += count
    connection.close()
    return size


def time_cpu(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Wall and CPU seconds of this process for one repeat."""
    begin, cpu = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - begin) / repeats, (time.process_time() - cpu) / repeats


def measure_library(folder: Path) -> None:
    """The store in this process, and the two ways that it is compared with."""
    from upper_limits.history import open_history
    from upper_limits.limits import Options, compute_rows
    from upper_limits.statistics import bayesian_upper_limit, bayesian_upper_limits
    from upper_limits.store import list_stores, open_store

    root = folder / "data" / "upper_limits"
    (totals,) = open_store(root, list_stores(root)[0], verify=False).totals
    (history,) = open_history(root.with_name("upper_limit_history"), verify=False).histories
    places = list(zip(*random_places(2000), strict=True))
    again = iter(places * 3)

    def one() -> None:
        readings = totals.read_one(*next(again))
        bayesian_upper_limit(readings.flux, readings.error, confidence=0.95)

    time_cpu(one, 500)
    tell("library: one position, 5 bands, a limit for each", f"{1e6 * time_cpu(one, 2000)[1]:.0f} us CPU", "30 us")

    def epochs() -> None:
        readings = history.read(*SPOT)
        bayesian_upper_limits(readings.flux, readings.error, confidence=0.95)

    time_cpu(epochs, 100)
    tell(
        "library: history, 360 epochs x 5 bands, a limit for each",
        f"{1e3 * time_cpu(epochs, 1000)[1]:.3f} ms CPU",
        "0.1 ms",
    )
    for count, aim in ((100_000, "40 ms"), (1_000_000, "400 ms")):
        ra, dec = random_places(count)

        def many(ra: np.ndarray = ra, dec: np.ndarray = dec) -> None:
            for start in range(0, len(ra), 10_000):
                readings = totals.read(ra[start : start + 10_000], dec[start : start + 10_000])
                bayesian_upper_limits(readings.flux, readings.error, confidence=0.95)

        many()
        cpu = min(time_cpu(many, 1)[1] for _ in range(3))
        tell(f"library: {count:,} positions x 5 bands", f"{1e3 * cpu:.0f} ms CPU", aim)
    ra, dec = random_places(100_000)
    table = time_cpu(lambda: compute_rows(totals, [0, 1, 2, 3, 4], ra, dec, Options(0.95, 0.95, "one")), 1)[1]
    tell("library: 100,000 positions, every numeric column", f"{1e3 * table:.0f} ms CPU")
    compare_fits(totals, time_cpu(one, 2000))


def compare_fits(totals: object, ours: tuple[float, float]) -> None:
    """The naive server: open the FITS map of one band for each request."""
    from astropy import units
    from astropy.coordinates import Latitude, Longitude
    from astropy.io import fits
    from cdshealpix.nested import lonlat_to_healpix

    from upper_limits.statistics import bayesian_upper_limit

    with tempfile.TemporaryDirectory() as aside:
        path = Path(aside) / "map.fits"
        planes = ((0, "FLUX"), (len(BANDS), "VARIANCE"))
        values = totals.values  # pyright: ignore[reportAttributeAccessIssue]
        columns = [fits.Column(name, "E", array=values[:, number]) for number, name in planes]
        fits.BinTableHDU.from_columns(columns).writeto(path)
        places = iter(list(zip(*random_places(60), strict=True)))

        def naive() -> None:
            ra, dec = next(places)
            with fits.open(path, memmap=True) as hdus:
                ipix = lonlat_to_healpix(Longitude(ra, units.deg), Latitude(dec, units.deg), ORDER)[0]
                flux, variance = float(hdus[1].data["FLUX"][ipix]), float(hdus[1].data["VARIANCE"][ipix])
            bayesian_upper_limit(flux, variance**0.5, confidence=0.95)

        naive()
        wall, cpu = time_cpu(naive, 50)
    tell(
        "naive: open the FITS map for each request, one band, nearest pixel",
        f"{1e3 * wall:.2f} ms, {1e3 * cpu:.2f} ms CPU = {cpu / ours[1]:.0f} times ours of five bands",
    )


def compare_postgresql(address: str) -> None:
    """Time a table keyed by pixel, warm: one position, and a list joined to the table; limits made in numpy."""
    from upper_limits.statistics import bayesian_upper_limits

    names = [f"{what}{number}" for what in ("flux", "variance", "exposure") for number in range(len(BANDS))]
    rng = np.random.default_rng(7)
    with psycopg.connect(address) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE pixel_totals (ipix bigint, "  # pyright: ignore[reportArgumentType] - our own names
            + ", ".join(f"{name} real" for name in names)
            + ")"
        )
        with cursor.copy("COPY pixel_totals FROM STDIN (FORMAT binary)") as copy:
            copy.write(b"PGCOPY\n\xff\r\n\0" + bytes(8))
            layout = np.dtype([("n", ">i2"), ("l", ">i4"), ("ipix", ">i8"), *(part for name in names for part in ((f"l{name}", ">i4"), (name, ">f4")))])  # fmt: skip
            rows = np.zeros(PIXELS_IN_POSTGRESQL, dtype=layout)
            rows["n"], rows["l"], rows["ipix"] = 16, 8, np.arange(len(rows))
            for name in names:
                rows[f"l{name}"], rows[name] = 4, rng.uniform(0.5, 2.0, len(rows))
            copy.write(rows.tobytes())
            copy.write(b"\xff\xff")
        cursor.execute("ALTER TABLE pixel_totals ADD PRIMARY KEY (ipix)")
        cursor.execute("ANALYZE pixel_totals")
        pixels = iter(rng.integers(0, PIXELS_IN_POSTGRESQL, 3000).tolist())

        def one() -> None:
            found = cursor.execute(
                "SELECT * FROM pixel_totals WHERE ipix = %s", (next(pixels),), prepare=True
            ).fetchone()
            values = np.array(found[1:11]) if found else np.empty(0)
            bayesian_upper_limits(values[:5], np.sqrt(values[5:]), confidence=0.95)

        time_cpu(one, 500)
        tell("PostgreSQL by pixel: one position, 5 bands, in process", f"{1e6 * time_cpu(one, 2000)[0]:.0f} us wall")
        many = rng.integers(0, PIXELS_IN_POSTGRESQL, 100_000)
        cursor.execute("CREATE TEMP TABLE asked (number int, ipix bigint)")
        begin = time.perf_counter()
        with cursor.copy("COPY asked FROM STDIN") as copy:
            copy.write("".join(f"{number}\t{ipix}\n" for number, ipix in enumerate(many.tolist())))
        query = "SELECT flux0, flux1, flux2, flux3, flux4, variance0, variance1, variance2, variance3, variance4 FROM asked JOIN pixel_totals USING (ipix) ORDER BY number"  # fmt: skip
        with cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT binary)") as copy:  # pyright: ignore[reportArgumentType]
            content = b"".join(bytes(part) for part in copy)
        fields = np.frombuffer(content[19:-2], dtype=np.dtype([("n", ">i2"), ("v", [("l", ">i4"), ("x", ">f4")], 10)]))
        values = fields["v"]["x"].astype(np.float64)
        bayesian_upper_limits(values[:, :5], np.sqrt(values[:, 5:]), confidence=0.95)
        tell("PostgreSQL by pixel: 100,000 positions x 5 bands", f"{time.perf_counter() - begin:.2f} s wall")


def database_address(folder: Path) -> str:
    """Ask the archive where its database is."""
    code = "import django; django.setup(); from django.db import connection as c; c.ensure_connection(); print('dsn=' + c.connection.info.dsn)"  # fmt: skip
    found = subprocess.run([sys.executable, "-c", code], env=environment(folder), check=True, capture_output=True)
    return next(line[4:] for line in found.stdout.decode().splitlines() if line.startswith("dsn="))


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "filled.json").exists():
        begin = time.perf_counter()
        subprocess.run([sys.executable, __file__, "--fill"], env=environment(folder), check=True)
        (folder / "filled.json").write_text(json.dumps({"seconds": round(time.perf_counter() - begin)}))
        tell("filled", f"{time.perf_counter() - begin:.0f} s")
    print(f"load of the machine {os.getloadavg()[0]:.1f}")
    measure_library(folder)
    with served(folder) as (host, port, pid):
        measure_latency(host, port, pid)
        measure_throughput(host, port, pid)
        measure_query(host, port, pid)
        measure_lists(host, port, pid)
        compare_postgresql(database_address(folder))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    if sys.argv[1:] == ["--fill"]:
        fill()
    else:
        main(Path(sys.argv[1]))
