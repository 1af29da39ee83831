"""Django's PostgreSQL backend, with a server of our own where the settings name no host."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.backends.postgresql import base
from django.db.backends.postgresql.client import DatabaseClient as PostgresClient
from django.db.utils import OperationalError

from archive.postgres.binaries import PostgresError
from archive.postgres.supervisor import ROLE, ensure_running


def cluster_root() -> Path:
    """Directory of the embedded server's cluster."""
    return Path(settings.DATA_ROOT) / "postgres"


class DatabaseClient(PostgresClient):
    """Let ``dbshell`` reach the embedded server's socket."""

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Any
    ) -> tuple[list[str], dict[str, str] | None]:
        """Fill in the socket's directory where no host is set."""
        if not settings_dict["HOST"]:
            server = ensure_running(cluster_root())
            settings_dict = {**settings_dict, "HOST": server.socket_directory, "USER": ROLE}
        return super().settings_to_cmd_args_env(settings_dict, parameters)  # pyright: ignore[reportAttributeAccessIssue]


class DatabaseWrapper(base.DatabaseWrapper):
    """Connections to `DATABASE_URL`, or to the embedded server, which the first connection starts."""

    client_class = DatabaseClient

    def get_connection_params(self) -> dict[str, Any]:  # pyright: ignore[reportIncompatibleMethodOverride] - wrong stub
        """Return what psycopg connects with.

        Raises
        ------
        OperationalError
            If the embedded server cannot run; its text is fit to show a user.
        """
        params: dict[str, Any] = super().get_connection_params()  # pyright: ignore[reportAssignmentType] - wrong stub
        if not self.settings_dict["HOST"]:
            try:
                server = ensure_running(cluster_root())
            except PostgresError as error:
                raise OperationalError(str(error)) from error
            params |= {"host": server.socket_directory, "port": "5432", "user": ROLE}
        return params
