"""What the pages of an archive ask of the database: queries and processor time of each page, and the slow queries' plans.

    ARCHIPELAGO_SECRET_KEY=dev ARCHIPELAGO_DATA=/where/it/is python tests/benchmark/website_queries.py [PAGE ...]

The pages run in this process, so the processor time is the page's own and wall times of queries are the database's. Each
page runs once cold (caches of the process empty) and then `REPEATS` times. Queries slower than `SLOW_MS` when cold are
explained with ANALYZE and BUFFERS. docs/performance.md holds the figures.
"""

import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPEATS, SLOW_MS = 5, 20.0
SHOWN_CHARACTERS = 600


@dataclass
class Watch:
    """Statements that ran, with their parameters and milliseconds."""

    found: list[tuple[str, Any, float]] = field(default_factory=list)

    def __call__(self, execute, statement, params, many, context):
        """Run a statement and note how long it took."""
        begin = time.perf_counter()
        try:
            return execute(statement, params, many, context)
        finally:
            self.found.append((_text(statement, context["cursor"]), params, 1e3 * (time.perf_counter() - begin)))


def _text(statement: Any, cursor: Any) -> str:
    return statement if isinstance(statement, str) else statement.as_string(cursor.connection)


def main(pages: list[str]) -> None:
    """Run every page and print a line for each, slow queries below it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "archive.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.db import connection
    from django.test import Client

    settings.ALLOWED_HOSTS = ["*"]
    client = Client(raise_request_exception=False)
    client.get("/about")  # templates and modules are loaded
    print(f"{'page':78} status  kB  queries  cold: db ms, cpu ms  warm: queries, db ms, cpu ms")
    for page in pages or find_pages():
        clear_caches()
        cold, cpu, answer = run(client, connection, page)
        rest = [run(client, connection, page) for _ in range(REPEATS)]
        warm, warm_cpu, _ = min(rest, key=lambda found: found[1])
        size = len(b"".join(answer)) / 1e3 if answer.streaming else len(answer.content) / 1e3
        print(
            f"{page[:78]:78} {answer.status_code} {size:6.1f} {len(cold):4}  {total(cold):7.1f} {cpu:6.1f}"
            f"   {len(warm):4} {total(warm):7.1f} {warm_cpu:6.1f}"
        )
        for statement, params, took in cold:
            if took > SLOW_MS:
                explain(connection, statement, params, took)


def total(found: list[tuple[str, Any, float]]) -> float:
    """Milliseconds of all statements."""
    return sum(took for _, _, took in found)


def run(client: Any, connection: Any, page: str) -> tuple[list[tuple[str, Any, float]], float, Any]:
    """Fetch a page; statements, milliseconds of the processor, answer."""
    watch = Watch()
    with connection.execute_wrapper(watch):
        begin = time.process_time()
        answer = client.get(page)
        cpu = 1e3 * (time.process_time() - begin)
    return watch.found, cpu, answer


def explain(connection: Any, statement: str, params: Any, took: float) -> None:
    """Print a statement with its plan."""
    print(f"   {took:.1f} ms: {statement[:SHOWN_CHARACTERS]}")
    if statement.lstrip().upper().startswith(("SELECT", "WITH")):
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN (ANALYZE, BUFFERS) " + statement, params)
            print("".join(f"      {line}\n" for (line,) in cursor.fetchall()))


def clear_caches() -> None:
    """Empty every cache of functions of the archive's own pages, as after a start."""
    for name, module in list(sys.modules.items()):
        if name.startswith(("archive.website", "archive.api", "upper_limits", "hips")):
            for value in vars(module).values():
                if hasattr(value, "cache_clear") and getattr(value, "__module__", "").startswith("archive.website"):
                    value.cache_clear()


def find_pages() -> list[str]:
    """Pages of every kind, those with the most rows first."""
    from django.db import connection

    from tests.benchmark.website import PAGES, deep_pages, name_pages

    def first(query: str) -> str:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return str((cursor.fetchone() or [""])[0])

    return [*name_pages(first), *PAGES, *deep_pages(first)]


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    main(sys.argv[1:])
