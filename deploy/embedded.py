"""Run one of PostgreSQL's client programs against the embedded server of ARCHIPELAGO_DATA, starting it where needed.

    python deploy/embedded.py pg_dump --format=custom > database.dump

Used by backup.sh and restore.sh where DATABASE_URL is not set.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from archive.postgres.binaries import PostgresError, find_account, find_binaries  # noqa: E402 - after the path
from archive.postgres.supervisor import DATABASE, ROLE, data_directory, ensure_running  # noqa: E402 - same


def main(program: str, arguments: Sequence[str]) -> int:
    """Run the program as the account that runs the server; its input and output are ours."""
    os.umask(0o022)  # the server's own account must pass through the directories that are made here
    root = Path(os.environ.get("ARCHIPELAGO_DATA", CHECKOUT / "var")).resolve() / "postgres"
    try:
        server = ensure_running(root)
        account = find_account(data_directory(root))
        path = find_binaries(account) / program
    except PostgresError as error:
        print(error, file=sys.stderr)
        return 1
    place = [f"--host={server.socket_directory}", f"--username={ROLE}", f"--dbname={DATABASE}"]
    return account.run([path, *place, *arguments], stdin=sys.stdin).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
