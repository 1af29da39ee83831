"""The rehearsal through all gates: submit, sign, publish, roll back, publish again, and compare what is served."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import psycopg
from django.db import connection
from psycopg import sql

from archive.errors import UsageError
from archive.models import Released
from archive.selectors import current_release, current_rows
from archive.services import released_models, roll_back_to
from ingestion import gates
from ingestion.rehearsal import Rehearsed, prepare_deliveries

Say = Callable[[str], None]
# What tells releases and deliveries apart, and so differs when the same rows are published again.
NOT_COMPARED = {"id", "release_from_id", "release_to_id", "delivery_id"}


def rehearse(data: Path, work: Path, say: Say) -> list[str]:
    """Publish a data directory as team deliveries, go back to the first release, publish all again; say the figures.

    Raises
    ------
    UsageError
        If the archive holds a release already, a delivery is refused, or what is served differs afterwards.
    """
    if current_release() is not None:
        raise UsageError("a rehearsal publishes and rolls back: run it in an archive that holds no release yet")
    lines = []
    first, left = prepare_deliveries(data, work / "first")
    if left:
        raise UsageError(f"ingestion/rehearsal.yaml names no delivery for {', '.join(left)}")
    lines += [_hand_in(one, say) for one in first]
    served, content = count_served(), digest_served()
    newest = _current_name()
    oldest = gates.find_submission(first[0].delivery_id).release
    if oldest is None:
        raise UsageError(f"{first[0].delivery_id} brought nothing, so there is no release to go back to")
    roll_back_to(oldest.name)
    back = count_served()
    lines.append(f"rolled back from {newest} to {oldest.name}: {_words(back)}")
    again, _ = prepare_deliveries(data, work / "again", suffix="-again")
    lines += [_hand_in(one, say) for one in again]
    if (now := count_served()) != served:
        raise UsageError(f"published again, the archive serves {_words(now)}, and before it served {_words(served)}")
    if changed := sorted(name for name, digest in digest_served().items() if content.get(name) != digest):
        raise UsageError(f"published again, the archive serves other rows than before of {', '.join(changed)}")
    lines.append(f"published again as {_current_name()}, the same as {newest}: {_words(served)}")
    lines += [f"rows equal before and after: {name}, SHA-256 {digest}" for name, digest in content.items()]
    return lines


def _hand_in(delivery: Rehearsed, say: Say) -> str:
    if delivery.bag is None:
        return f"{delivery.delivery_id}: refused, {', '.join(one.name for one in delivery.refused)}"
    began, cpu = time.monotonic(), time.process_time()
    submission = gates.receive(delivery.bag, actor="rehearsal team", say=say)
    submission = gates.check(submission.pk, say=say)
    if submission.state != gates.State.VALID:
        errors = [code["examples"][0] for code in (submission.report or {})["codes"] if code["severity"] == "error"]
        raise UsageError(f"{delivery.delivery_id} is refused: {errors[:1]}")
    gates.sign(delivery.delivery_id, role="team", signer="rehearsal team")
    gates.sign(delivery.delivery_id, role="archive", signer="rehearsal archive")
    submission = gates.publish(submission.pk, say=say)
    submission = gates.read_back(submission.pk, say=say)
    if submission.state == gates.State.DAMAGED:
        raise UsageError(
            f"{delivery.delivery_id} was read back with errors: {(submission.verification or {})['errors']}"
        )
    files = f"{len(delivery.files) - len(delivery.refused)} files"
    left_out = f", refused and left out: {', '.join(one.name for one in delivery.refused)}" if delivery.refused else ""
    release = submission.release.name if submission.release else "no release"
    seconds = f"{time.monotonic() - began:.1f} s, {time.process_time() - cpu:.1f} CPU s"
    fetched = f"{(submission.verification or {}).get('files_fetched', 0)} files fetched by URL"
    state = gates.State(submission.state).label
    return f"{delivery.delivery_id}: {files}, {state}, {release}, {fetched}, {seconds}{left_out}"


def _current_name() -> str:
    release = current_release()
    return release.name if release else ""


def count_served() -> dict[str, int]:
    """Return how many rows of each table the current release has."""
    counts = {model.__name__: current_rows(model).count() for model in released_models()}
    return {name: count for name, count in counts.items() if count}


def digest_served() -> dict[str, str]:
    """Return SHA-256 of the content of each table in the current release: all values but those of `NOT_COMPARED`.

    Rows are taken in the order of their text, so that neither the order of arrival nor row numbers matter.
    """
    release = current_release()
    if release is None:
        return {}
    digests = {model.__name__: _digest_rows(model, release.number) for model in released_models()}
    return {name: digest for name, digest in digests.items() if digest}


def _digest_rows(model: type[Released], release: int) -> str:
    columns = [field.column for field in model._meta.concrete_fields if field.column not in NOT_COMPARED]
    statement = sql.SQL(
        "COPY (SELECT r::text FROM (SELECT {columns} FROM {table} "
        "WHERE release_from_id <= {release} AND (release_to_id IS NULL OR release_to_id > {release})) r "
        'ORDER BY r::text COLLATE "C") TO STDOUT'
    ).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        table=sql.Identifier(model._meta.db_table),
        release=sql.Literal(release),
    )
    digest, is_empty = hashlib.sha256(), True
    with connection.cursor() as wrapped:
        cursor = cast("psycopg.Cursor[tuple[object, ...]]", wrapped)
        with cursor.copy(statement) as copy:
            for block in copy:
                digest.update(block)
                is_empty = False
    return "" if is_empty else digest.hexdigest()


def _words(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
