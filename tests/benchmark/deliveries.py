"""Time deliveries: publishing rows, a big catalogue and many small files through every gate, fixity beside sha256sum.

    python tests/benchmark/deliveries.py publish            # 1,000,000 rows into a catalogue, then again with 400 changed
    python tests/benchmark/deliveries.py catalogue          # a FITS catalogue of 1,000,000 rows through all gates
    python tests/benchmark/deliveries.py files --count 5000 # small light curves through all gates, with memory per file
    python tests/benchmark/deliveries.py ingest             # archipelago ingest of 1,000, 10,000 and 100,000 small files
    python tests/benchmark/deliveries.py linking            # 30,000 rows to 3,000 sources: by id, name, place, or not at all
    python tests/benchmark/deliveries.py fixity             # 2,000 files of 1 MiB, and sha256sum on the same files

Each makes an archive of its own in a temporary folder (`--work` names another place) and removes it. CPU seconds are
user and system: of this process, of the validator's processes, and of the database's process for this connection.
"""

import argparse
import gzip
import hashlib
import os
import resource
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import yaml

AIMS = {"publish": "at most 30 s", "files": "at least 50 files/s per core and rule set", "fixity": "at least 200 MB/s"}
LABEL: dict[str, Any] = {
    "delivery_format": 1,
    "delivery_id": "benchmark",
    "title": "Benchmark (simulated)",
    "team": "benchmark",
    "contact_role": "benchmark",
    "instruments": ["isgri"],
    "collection": "benchmark",
    "software": {"benchmark": "1"},
    "calibration": {"none": "0"},
    "simulated": True,
    "licence": "CC0-1.0",
}
CURVE_ROWS, TEMPLATES = 50, 50
SPECTRA = {"spec": "spectrum", "rmf": "rmf", "arf": "arf"}


def tell(what: str, figures: str) -> None:
    print(f"{what:44} {figures}", flush=True)


def cpu_of(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def memory_mb() -> int:
    """Resident memory of this process now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Say what a step took."""
    from tests.support.publishing import database_cpu_s

    began = (time.monotonic(), time.process_time(), cpu_of(resource.RUSAGE_CHILDREN), database_cpu_s())
    yield
    ended = (time.monotonic(), time.process_time(), cpu_of(resource.RUSAGE_CHILDREN), database_cpu_s())
    wall, here, children, database = (b - a for a, b in zip(began, ended, strict=True))
    peaks = [resource.getrusage(who).ru_maxrss >> 10 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    tell(
        what,
        f"{wall:.1f} s wall; CPU s: {here:.1f} here, {children:.1f} validator, {database:.1f} database; "
        f"most memory {peaks[0]} MB here, {peaks[1]} MB validator",
    )


def publish_rows(count: int) -> None:
    """Merge rows into the IBIS catalogue; then the same rows with 400 changed."""
    from archive.models import Delivery, IbisCatalogueEntry
    from archive.services import open_publication
    from tests.support.publishing import ibis_rows

    for name, changed in (("new rows", 0), ("again, 400 changed", 400)):
        digest = hashlib.sha256(name.encode()).hexdigest()
        facts = {"title": name, "team": "benchmark", "simulated": True, "digest_sha256": digest}
        delivery = Delivery(delivery_id=name.replace(" ", "-"), received_at=datetime.now(UTC), **facts)
        step = timed(f"publish {count:,} rows: {name}")
        with step, open_publication(delivery=delivery, description=name) as publication:
            counts = publication.merge(IbisCatalogueEntry, ibis_rows(count, changed))
        tell("", str(counts))


def write_catalogue(folder: Path, count: int) -> None:
    from astropy.io import fits

    dice = np.random.default_rng(2)
    numbers = np.char.mod("%07d", np.arange(count))
    columns = [
        fits.Column("NAME", "16A", array=np.char.add("Bench ", numbers)),
        fits.Column("SOURCE_ID", "16A", array=np.full(count, "")),
        fits.Column("RA_OBJ", "D", unit="deg", array=dice.uniform(0, 360, count)),
        fits.Column("DEC_OBJ", "D", unit="deg", array=np.degrees(np.arcsin(dice.uniform(-1, 1, count)))),
        fits.Column("ERR_RAD", "E", unit="deg", array=np.full(count, 0.01)),
        fits.Column("CLASS", "16A", array=np.full(count, "AGN")),
        fits.Column("SIGNIF", "E", array=dice.uniform(5, 50, count)),
        fits.Column("EXPOSURE", "E", unit="s", array=np.full(count, 1e5)),
        fits.Column("VARIABLE", "L", array=np.zeros(count, bool)),
    ]
    for band in ("17_60", "20_40", "40_60", "60_100"):
        columns += [
            fits.Column(f"FLUX_{band}", "E", unit="mCrab", array=dice.uniform(1, 10, count)),
            fits.Column(f"ERR_{band}", "E", unit="mCrab", array=np.full(count, 0.1)),
        ]
    table = fits.BinTableHDU.from_columns(columns, name="IBIS-SURVEY-CAT")
    table.header.update({"VERSION": 1.0, "SIMULATD": True, "RADESYS": "ICRS", "TELESCOP": "INTEGRAL"})
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(folder / "catalogue.fits", checksum=True)


def write_curves(folder: Path, count: int) -> None:
    """Write light curves whose rates come in another order each: so their checksums are equal, their digests not."""
    from tests.support.fits_files import series_hdu, write

    for template in range(TEMPLATES):
        path = write(folder / "template", series_hdu(rows=CURVE_ROWS, NAME=f"Bench {template}", SIMULATD=True))
        content = bytearray(path.read_bytes())
        path.unlink()
        start = content.index(np.array(3000.0, ">f8").tobytes())
        rows = np.frombuffer(content, dtype=">u4", count=CURVE_ROWS * 6, offset=start).reshape(CURVE_ROWS, 6)
        for number in range(template, count, TEMPLATES):
            rows[:, 4] = np.random.default_rng(number).permutation(rows[:, 4])
            (folder / f"lc_{number:06d}.fits").write_bytes(content)


def write_small_files(folder: Path, count: int, seed: int) -> None:
    """Write gzipped light curves, and one spectrum in ten files with responses of its own; a label and a manifest."""
    from tests.support.deliveries import seal
    from tests.support.fits_files import arf_hdu, rmf_hdus, spectrum_hdu, write

    spectra = count // 10
    write_curves(folder, count - 3 * spectra)
    for path in folder.glob("lc_*.fits"):
        (folder / f"lc_{seed}_{path.name[3:]}.gz").write_bytes(gzip.compress(path.read_bytes(), 1, mtime=0))
        path.unlink()
    responses = {}
    for role, hdus in (("rmf", rmf_hdus()), ("arf", (arf_hdu(),))):
        for hdu in hdus:
            hdu.header["SIMULATD"] = True
        responses[role] = write(folder / role, *hdus).read_bytes()
        (folder / role).unlink()
    for number in range(spectra):
        names = {role: f"{role}_{seed}_{number:06d}.fits" for role in ("spec", "rmf", "arf")}
        facts = {"NAME": f"Bench {number}", "RESPFILE": names["rmf"], "ANCRFILE": names["arf"], "SIMULATD": True}
        write(folder / names["spec"], spectrum_hdu(**facts))
        for role, content in responses.items():
            (folder / names[role]).write_bytes(content)
    kinds = [("lc_*", "time_series"), *((f"{role}_*", profile) for role, profile in SPECTRA.items())]
    files = [{"pattern": pattern, "profile": profile} for pattern, profile in kinds]
    label = {**LABEL, "delivery_id": f"benchmark-{seed}", "files": files}
    (folder / "delivery.yaml").write_text(yaml.safe_dump(label))
    seal(folder)


def ingest_small_files(work: Path, sizes: Sequence[int]) -> None:
    """Run `archipelago ingest` for deliveries of several sizes, each in a process of its own."""
    peaks: dict[int, int] = {}
    for seed, size in enumerate(sizes, start=1):
        folder = work / f"small-{size}"
        folder.mkdir()
        write_small_files(folder, size, seed)
        total = sum(path.stat().st_size for path in folder.iterdir())
        command = [sys.executable, "-m", "archive.cli", "ingest", str(folder)]
        began = time.monotonic()
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        said = child.stdout.read() if child.stdout else ""
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall, cpu, peaks[size] = time.monotonic() - began, used.ru_utime + used.ru_stime, used.ru_maxrss
        shutil.rmtree(folder)
        tell(f"{size:,} files, {total >> 20} MB", said.strip().splitlines()[-1] if said.strip() else "said nothing")
        tell(
            "", f"{wall:.0f} s wall, {cpu:.1f} CPU s = {cpu / size * 1e3:.2f} ms a file, load {os.getloadavg()[0]:.1f}"
        )
        tell("", f"most memory {used.ru_maxrss >> 10} MB")
        if child.returncode:
            raise RuntimeError(f"archipelago ingest ended with {child.returncode}: {said}")
    for first, last in pairwise(peaks):
        grown = (peaks[last] - peaks[first]) * 1024 / (last - first)
        tell(f"growth from {first:,} to {last:,} files", f"{grown:.0f} bytes a file")


def through_the_gates(folder: Path, kind: tuple[str, str], *, show_memory: bool) -> None:
    """Take a folder through receive, check, both signatures, publish and read back."""
    from ingestion import gates
    from tests.support.deliveries import seal

    pattern, profile = kind
    label = {**LABEL, "files": [{"pattern": pattern, "profile": profile}]}
    (folder / "delivery.yaml").write_text(yaml.safe_dump(label))
    seal(folder)
    count = sum(1 for _ in folder.glob(pattern))
    seen: dict[int, int] = {}

    def say(line: str) -> None:
        if show_memory and line.startswith("reading ") and "/" in line:
            done = int(line.split()[1].partition("/")[0])
            if done * 10 % count < 10 or done == count:
                seen[done] = memory_mb()

    with timed("receive"):
        submission = gates.receive(folder, actor="benchmark")
    with timed("check: validator's process, preview"):
        submission = gates.check(submission.pk)
    if submission.state != gates.State.VALID:
        raise RuntimeError([code for code in (submission.report or {})["codes"] if code["severity"] == "error"][:1])
    for role in ("team", "archive"):
        gates.sign(LABEL["delivery_id"], role=role, signer=role)
    with timed("publish"):
        submission = gates.publish(submission.pk, say=say)
    with timed("read back"):
        submission = gates.read_back(submission.pk)
    tell("state", gates.State(submission.state).label)
    if seen:
        first, last = min(seen), max(seen)
        growth = (seen[last] - seen[first]) * 1024 / max(last - first, 1)
        tell("memory while files are read, MB", ", ".join(f"{done}: {held}" for done, held in seen.items()))
        tell("growth", f"{growth:.1f} kB for each file")


def time_linking(count: int, sources: int = 3000) -> None:
    """Link rows of which a sixth has an id, a sixth a name, a sixth an alias of two sources, the others a position."""
    from ingestion.cells import Findings
    from ingestion.matching import SourceIndex, link_rows
    from ingestion.rows import IbisRow, SourceRow
    from ingestion.sources import KnownSource

    dice = np.random.default_rng(1)
    ra, dec = dice.uniform(0, 360, sources).tolist(), np.degrees(np.arcsin(dice.uniform(-1, 1, sources))).tolist()
    known = {
        f"J{at}": KnownSource(SourceRow(f"J{at}", f"Source {at}", ra[at], dec[at], 0.01), 43, (f"Alias {at // 2}",))
        for at in range(sources)
    }
    rows = []
    for number, at in enumerate(dice.integers(sources, size=count).tolist()):
        name = {1: f"Source {at}", 2: f"Alias {at // 2}"}.get(number % 6, f"New {number}")
        place = (ra[at], dec[at]) if number % 2 else (dice.uniform(0, 360), dice.uniform(-90, 90))
        rows.append(IbisRow("1", name, *place, 0.02, source_id=f"J{at}" if number % 6 == 0 else ""))
    index = SourceIndex(known)
    for turn in (1, 2, 3):
        began = time.process_time()
        _, matches = link_rows(rows, index, Findings())
        used = time.process_time() - began
        tell(f"link {count:,} rows, run {turn}", f"{used / count * 1e6:.1f} us a row")
    tell(
        "",
        str({how: sum(one.how == how for one in matches) for how in ("id", "name", "position", "ambiguous", "none")}),
    )


def compare_fixity(work: Path, count: int) -> None:
    """Sweep the store with nothing but hashing to do, and have sha256sum do the same."""
    from archive.models import StoredFile
    from archive.storage import store_file
    from ingestion.fixity import sweep
    from tests.support.publishing import database_cpu_s

    size, now = 1 << 20, datetime.now(UTC)
    for number in range(count):
        path = work / "one"
        path.write_bytes(np.random.default_rng(number).bytes(size))
        stored = store_file(path)
        StoredFile.objects.create(sha256=stored.sha256, size_bytes=size, stored_at=now)
    paths = "\n".join(str(path) for path in sorted((work / "data").glob("**/*")) if len(path.name) == 64 and path.is_file())  # fmt: skip
    for turn in (1, 2):
        began, cpu = time.monotonic(), cpu_of(resource.RUSAGE_CHILDREN)
        subprocess.run(["xargs", "sha256sum"], input=paths, text=True, stdout=subprocess.DEVNULL, check=True)
        theirs = (time.monotonic() - began, cpu_of(resource.RUSAGE_CHILDREN) - cpu)
        began, cpu, database = time.monotonic(), time.process_time(), database_cpu_s()
        report = sweep(older_than_days=0, second_copy=None, say=lambda _: None)
        ours = (time.monotonic() - began, time.process_time() - cpu + database_cpu_s() - database)
        if report.verified != count:
            raise RuntimeError(f"{report.verified} of {count} files were verified")
        for name, (wall, used) in (("sha256sum", theirs), ("archipelago fixity, database included", ours)):
            rate = count * size / 1e6
            tell(f"{name}, run {turn}", f"{rate / wall:.0f} MB/s wall, {rate / used:.0f} MB per CPU s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("publish", "catalogue", "files", "ingest", "linking", "fixity"))
    parser.add_argument("--count", type=int, help="rows or files")
    parser.add_argument(
        "--once", action="store_true", help="ingest: this count alone, not a hundredth and a tenth first"
    )
    parser.add_argument("--work", type=Path, help="where the temporary folder is made")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="archipelago-benchmark-", dir=given.work) as name:
        work = Path(name)
        work.chmod(0o711)
        os.environ |= {
            "ARCHIPELAGO_DATA": str(work / "data"),
            "ARCHIPELAGO_SECRET_KEY": secrets.token_hex(),
            "ARCHIPELAGO_PUBLIC_URL": "http://127.0.0.1:9",
            "DJANGO_SETTINGS_MODULE": "archive.settings",
        }
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
        print(f"load of the machine {os.getloadavg()[0]:.1f}; aim: {AIMS.get(given.what, 'none of its own')}")
        folder = work / "delivery"
        folder.mkdir()
        if given.what == "publish":
            publish_rows(given.count or 1_000_000)
        elif given.what == "catalogue":
            write_catalogue(folder, given.count or 1_000_000)
            through_the_gates(folder, ("catalogue.fits", "ibis_catalogue"), show_memory=False)
        elif given.what == "files":
            write_curves(folder, given.count or 5000)
            through_the_gates(folder, ("lc_*.fits", "time_series"), show_memory=True)
        elif given.what == "ingest":
            count = given.count or 100_000
            ingest_small_files(work, [count] if given.once else [count // 100, count // 10, count])
        elif given.what == "linking":
            time_linking(given.count or 30_000)
        else:
            compare_fixity(work, given.count or 2000)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main()
