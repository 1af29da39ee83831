"""Time products through the VO; docs/performance.md says what is expected.

    python tests/benchmark/products.py bundles                     # tar and zip of large files beside plain copying
    python tests/benchmark/products.py services http://127.0.0.1:8000  # links and searches of a served archive

`bundles` needs 8 GB of disk for a minute and no archive; `services` asks an archive that holds products (the demonstration
has some) and measures the wall clock, so nothing else should run.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

MIB = 2**20
FILES, FILE_MIB = 4, 512
SPARSE_BYTES = 2_400 * MIB


def bundles() -> None:
    """Write a tar of noise and a zip of more than 2 GiB, and copy the same files in the same run."""
    from archive.bundles import Member, read_tar, read_zip, tar_size, zip_size

    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
        directory = Path(folder)
        block = os.urandom(16 * MIB)
        members = []
        for number in range(FILES):
            path = directory / f"noise_{number}.bin"
            with path.open("wb") as file:
                for _ in range(FILE_MIB // 16):
                    file.write(block)
            members.append(Member(path.name, path, path.stat().st_size, "0" * 64))
        total = sum(member.size_bytes for member in members)
        for name, target, write in (
            ("plain copy", 0.0, lambda: _copy(members, directory / "copy")),
            ("tar", 200.0, lambda: _write(read_tar(members), directory / "bundle.tar", tar_size(members))),
            ("plain copy again", 0.0, lambda: _copy(members, directory / "copy")),
            ("tar again", 200.0, lambda: _write(read_tar(members), directory / "bundle.tar", tar_size(members))),
        ):
            os.sync()
            wall, cpu = time.perf_counter(), time.process_time()
            write()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            wanted = f", target {target:.0f} MB/s" if target else ""
            print(
                f"{name}: {total / 1e6 / wall:.0f} MB/s on the clock, {total / 1e6 / cpu:.0f} MB/s of processor{wanted}"
            )
        for member in members:
            Path(directory / member.name).unlink()
        (directory / "bundle.tar").unlink()
        sparse = directory / "sparse.bin"
        with sparse.open("wb") as file:
            file.truncate(SPARSE_BYTES)
        large = [Member("sparse.bin", sparse, SPARSE_BYTES, "0" * 64), Member("after.txt", None, 5, "0" * 64, b"after")]
        cpu = time.process_time()
        _write(read_zip(large), directory / "large.zip", zip_size(large))
        print(
            f"zip of {SPARSE_BYTES / 2**30:.2f} GiB: {SPARSE_BYTES / 1e6 / (time.process_time() - cpu):.0f} MB/s of processor"
        )
        with zipfile.ZipFile(directory / "large.zip") as archive:
            sizes = {info.filename: info.file_size for info in archive.infolist()}
            if sizes != {"sparse.bin": SPARSE_BYTES, "after.txt": 5} or archive.testzip() is not None:
                raise SystemExit(f"the zip of more than 2 GiB does not read back: {sizes}")
        print("it has the size that was said, and Python's zipfile finds it whole")
        if unzip := shutil.which("unzip"):
            subprocess.run([unzip, "-tq", str(directory / "large.zip")], check=True)


def _copy(members: list, target: Path) -> None:
    for member in members:
        shutil.copyfile(member.path, target)
    target.unlink()


def _write(chunks: Iterator[bytes], path: Path, size: int) -> None:
    with path.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
    if path.stat().st_size != size:
        raise SystemExit(f"{path.name} has {path.stat().st_size} bytes; {size} were said")


def services(base: str) -> None:
    """Time links, searches, previews and the first byte of a tar over one kept connection for each kind."""
    query = "SELECT obs_publisher_did, product_id FROM ivoa.obscore WHERE product_id IS NOT NULL"
    form = urllib.parse.urlencode({"LANG": "ADQL", "FORMAT": "json", "QUERY": query, "MAXREC": 1000})
    rows = json.loads(_fetch(f"{base}/tap/sync?{form}"))["data"]
    unknown = [f"{rows[0][0]}-none-{number}" for number in range(1000 - len(rows))]
    ids = urllib.parse.urlencode([("ID", text) for text in [*(row[0] for row in rows), *unknown]])
    some = urllib.parse.urlencode([("ID", row[1]) for row in rows[:200]])
    shift = iter(range(10**9))

    def search(address: str) -> Callable[[], object]:
        return lambda: _fetch(base + address.format(83.6 + next(shift) * 1e-5))

    for name, limit, call in (
        (
            f"DataLink, 1,000 identifiers in one POST, {len(rows)} of them known",
            300,
            lambda: _fetch(f"{base}/datalink/links", ids),
        ),
        ("cone search, 1 degree", 8, search("/scs/sources?RA={}&DEC=22&SR=1")),
        ("SIA 2.0, 1 degree", 20, search("/sia2/query?POS=CIRCLE%20{}%2022%201")),
        ("SSA, 1 degree, both formats", 20, search("/ssa?REQUEST=queryData&POS={},22&SIZE=2")),
        ("SSA, 1 degree, FITS", 20, search("/ssa?REQUEST=queryData&FORMAT=native&POS={},22&SIZE=2")),
        ("tar of up to 200 products, first byte", 200, lambda: _first(f"{base}/datalink/package?{some}")),
    ):
        call()
        found = []
        for _ in range(21):
            begin = time.perf_counter()
            call()
            found.append(1e3 * (time.perf_counter() - begin))
        print(f"{name}: median {statistics.median(found):.1f} ms, fastest {min(found):.1f} ms, target {limit} ms")


def _fetch(address: str, form: str | None = None) -> bytes:
    with urllib.request.urlopen(address, None if form is None else form.encode()) as answer:
        return answer.read()


def _first(address: str) -> bytes:
    with urllib.request.urlopen(address) as answer:
        return answer.read(1)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    if sys.argv[1:2] == ["bundles"]:
        bundles()
    elif sys.argv[1:2] == ["services"] and len(sys.argv) == 3:
        services(sys.argv[2].rstrip("/"))
    else:
        raise SystemExit(__doc__)
