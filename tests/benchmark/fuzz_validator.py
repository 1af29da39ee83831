"""Damage real files in hundreds of ways and validate each as a delivery: a finding every time, never a traceback.

    python -m tests.benchmark.fuzz_validator ../shared/data                # 500 mutations
    python -m tests.benchmark.fuzz_validator ../shared/data --count 3500 --seed 7

Every mutation is packed with the checksums of the file as it was (MANIFEST-DIGEST must tell) and with those of the file as
it is (what do the other rules see?). Exit code 1 if one of them ends in a traceback, without a finding, or takes more CPU
seconds or memory than allowed. The process may use 4 GiB of address space.
"""

import argparse
import hashlib
import random
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import yaml

from ingestion.discover import discover
from ingestion.validator import validate_delivery
from tests.support.deliveries import LABEL
from tests.support.mutations import MUTATIONS, mutate

MAX_BYTES = 8 << 20
MAX_SECONDS = 20.0
MAX_GROWTH_MIB = 1024
UNFORESEEN = {"FILE-UNREADABLE", "VALIDATOR-FAILED"}


def validate_damaged(
    folder: Path, name: str, profile: str, original: bytes, damaged: bytes
) -> tuple[set[str], set[str]]:
    """Return the rules broken by a damaged file, once with the checksums of the original and once with its own."""
    folder.mkdir()
    (folder / name).write_bytes(damaged)
    (folder / "delivery.yaml").write_text(yaml.safe_dump({**LABEL, "files": [{"pattern": name, "profile": profile}]}))
    label = hashlib.sha256((folder / "delivery.yaml").read_bytes()).hexdigest()
    broken = []
    for content in (original, damaged):
        lines = f"{hashlib.sha256(content).hexdigest()}  {name}\n{label}  delivery.yaml\n"
        (folder / "manifest-sha256.txt").write_text(lines)
        broken.append({code.rule for code in validate_delivery(folder).codes})
    return broken[0], broken[1]


def main() -> int:
    """Run the mutations and print what became of them."""
    options = parse_options()
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    warnings.simplefilter("ignore")
    files = [file for file in discover(options.data).files if file.profile and file.size_bytes < MAX_BYTES]
    dice = random.Random(options.seed)  # noqa: S311 - the same damage in every run
    kinds = list(MUTATIONS)
    outcome: dict[str, Counter[str]] = {kind: Counter() for kind in kinds}
    failures: list[str] = []
    before, slowest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, (0.0, "")
    for number in range(options.count):
        file, kind = dice.choice(files), kinds[number % len(kinds)]
        what = f"{number} {kind} {file.name}"
        original = file.path.read_bytes()
        damaged = mutate(kind, original, dice)
        begun = time.process_time()
        with tempfile.TemporaryDirectory() as work:
            try:
                told, own = validate_damaged(
                    Path(work) / "d", file.path.name, file.profile.name if file.profile else "", original, damaged
                )
            except Exception:  # noqa: BLE001 - a traceback is what this looks for
                failures.append(f"{what}: traceback\n{traceback.format_exc()}")
                continue
        spent = time.process_time() - begun
        slowest = max(slowest, (spent, what))
        if "MANIFEST-DIGEST" not in told:
            failures.append(f"{what}: no finding")
        if spent > MAX_SECONDS:
            failures.append(f"{what}: {spent:.1f} CPU s")
        if unforeseen := (told | own) & UNFORESEEN:
            outcome[kind]["unforeseen"] += 1
            print(f"{what}: {', '.join(unforeseen)}")
        clean = {rule for rule in own if rule not in own_rules(file.path, options.cache)}
        outcome[kind]["seen without checksums" if clean else "seen by checksums only"] += 1
    growth = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    if growth > MAX_GROWTH_MIB:
        failures.append(f"memory grew by {growth:.0f} MiB")
    for kind, counts in outcome.items():
        print(f"{kind:12}", ", ".join(f"{what} {count}" for what, count in sorted(counts.items())))
    print(f"{options.count} mutations of {len(files)} files; slowest {slowest[0]:.1f} CPU s ({slowest[1]});")
    print(f"memory grew by {growth:.0f} MiB; {len(failures)} failures")
    print("\n".join(failures))
    return 1 if failures else 0


def own_rules(path: Path, cache: dict[Path, set[str]]) -> set[str]:
    """Return the rules that the file breaks as it is."""
    if path not in cache:
        with tempfile.TemporaryDirectory() as work:
            profile = next(iter(discover(path).files)).profile
            content = path.read_bytes()
            _, cache[path] = validate_damaged(
                Path(work) / "d", path.name, profile.name if profile else "", content, content
            )
    return cache[path]


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    _ = parser.add_argument("data", type=Path, help="directory with real files")
    _ = parser.add_argument("--count", type=int, default=500)
    _ = parser.add_argument("--seed", type=int, default=20261121)
    return parser.parse_args(namespace=argparse.Namespace(cache={}))


if __name__ == "__main__":
    sys.exit(main())
