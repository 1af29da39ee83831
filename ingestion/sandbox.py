"""The validator in a process of its own, with budgets: whatever a package does to it, the archive goes on.

The child gets no secrets and no address of a database, may not open a connection, and is bound by the kernel in memory,
processor time and the size of what it writes. What breaks a budget is refused with a rule like any other.
"""

import json
import math
import os
import resource
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive.errors import UsageError
from archive.formats.findings import Finding
from ingestion.discover import discover
from ingestion.rules import rules_sha256
from ingestion.validator import CodeCount, DeliveryReport, validate_delivery, validator_version

CHECKOUT = Path(__file__).resolve().parent.parent
_OUT_OF_MEMORY = 42


@dataclass(frozen=True, slots=True)
class Budgets:
    """What validating one package may take."""

    seconds: float = 3600.0
    memory_bytes: int = 6 << 30
    report_bytes: int = 256 << 20


RECOGNISING = Budgets(seconds=60.0, memory_bytes=3 << 30, report_bytes=4 << 20)


def recognise_in_sandbox(folder: Path) -> dict[str, str]:
    """Return the profile of each file of a folder, '' = none, found out in a child process.

    Raises
    ------
    UsageError
        If looking at the files breaks a budget.
    """
    answer = _ask_child("recognise", folder, RECOGNISING)
    if isinstance(answer, Finding):
        raise UsageError(f"the files cannot be looked at: {answer.message}")
    return answer


def validate_in_sandbox(path: Path, budgets: Budgets = Budgets()) -> dict[str, Any]:
    """Validate a package in a child process; return the report as `DeliveryReport.as_json` gives it."""
    answer = _ask_child("validate", path, budgets)
    return _broken(answer) if isinstance(answer, Finding) else answer


def _ask_child(task: str, path: Path, budgets: Budgets) -> dict[str, Any] | Finding:
    """Return what the child wrote, or the finding that says why it wrote nothing."""
    with tempfile.TemporaryDirectory(prefix="archipelago-validate-") as folder:
        answer = Path(folder) / "report.json"
        command = [
            sys.executable,
            "-m",
            "ingestion.sandbox",
            task,
            str(path),
            str(answer),
            *map(str, _numbers(budgets)),
        ]
        environment = {
            "PATH": os.defpath,
            "PYTHONPATH": str(CHECKOUT),
            "PYTHONSAFEPATH": "1",
            "HOME": folder,
            "TMPDIR": folder,
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        }
        try:
            ended = subprocess.run(
                command,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=budgets.seconds + 5,
            )
        except subprocess.TimeoutExpired:
            return _too_slow(budgets)
        if ended.returncode == 0:
            return json.loads(answer.read_text("utf-8"))
        return _explain(ended.returncode, ended.stderr, budgets)


def _numbers(budgets: Budgets) -> tuple[float, int, int]:
    return budgets.seconds, budgets.memory_bytes, budgets.report_bytes


def _too_slow(budgets: Budgets) -> Finding:
    return Finding(
        "BUDGET-TIME",
        "error",
        "validating the delivery takes too long",
        found=f"more than {budgets.seconds:g} s",
        expected=f"at most {budgets.seconds:g} s",
        fix="Deliver in several parts.",
    )


def _explain(code: int, said: bytes, budgets: Budgets) -> Finding:
    if code in {-signal.SIGXCPU, -signal.SIGALRM}:
        return _too_slow(budgets)
    if code == _OUT_OF_MEMORY or (code < 0 and -code in {signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT}):
        return Finding(
            "BUDGET-MEMORY",
            "error",
            "validating the delivery takes too much memory",
            found=f"more than {budgets.memory_bytes} bytes, or the system stopped it",
            expected=f"at most {budgets.memory_bytes} bytes",
            fix="Deliver in several parts or smaller files.",
        )
    last = said.decode("utf-8", errors="replace").strip().splitlines()[-1:] or ["nothing"]
    return Finding(
        "VALIDATOR-FAILED",
        "error",
        "the validator itself failed on the delivery; this is a fault of the archive's software",
        found=f"exit code {code}, {last[0][:160]}",
        fix="Tell the archive; the delivery is kept.",
    )


def _broken(finding: Finding) -> dict[str, Any]:
    """Report that says only why there is no better one."""
    return DeliveryReport(
        verdict="invalid",
        delivery_id="",
        title="",
        team="",
        release_type="",
        simulated=False,
        digest_sha256="0" * 64,
        validator=validator_version(),
        rules_sha256=rules_sha256(),
        files=(),
        rows={},
        codes=(CodeCount(finding.rule, finding.severity, 1, finding.fix, (finding,)),),
    ).as_json()


def _refuse_network(event: str, arguments: tuple[object, ...]) -> None:
    if event in {"socket.connect", "socket.getaddrinfo", "socket.bind", "subprocess.Popen", "os.system", "os.exec"}:
        raise PermissionError(f"{event}: a delivery is validated without network and without other programs")


def _run(task: str, path: Path, answer: Path, budgets: Budgets) -> int:
    for kind, limit in (
        (resource.RLIMIT_AS, budgets.memory_bytes),
        (resource.RLIMIT_FSIZE, budgets.report_bytes),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))
    # At the first number comes a signal that says why, at the second the kernel kills.
    cpu_seconds = math.ceil(budgets.seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 5))
    signal.setitimer(signal.ITIMER_REAL, budgets.seconds)
    sys.addaudithook(_refuse_network)
    try:
        if task == "recognise":
            said = {file.name: file.profile.name if file.profile else "" for file in discover(path).files}
        else:
            said = validate_delivery(path).as_json()
        answer.write_text(json.dumps(said, allow_nan=False), "utf-8")
    except MemoryError:
        return _OUT_OF_MEMORY
    return 0


if __name__ == "__main__":
    given = Budgets(float(sys.argv[4]), int(sys.argv[5]), int(sys.argv[6]))
    sys.exit(_run(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), given))
