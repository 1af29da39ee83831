"""Files of a web form, streamed into a folder of the quarantine under a budget, never held in memory."""

import io
import shutil
from pathlib import Path
from typing import Any, BinaryIO

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from archive.errors import StorageError, TooLargeError, UsageError
from ingestion.delivery import MANIFEST_NAME, is_safe_name
from ingestion.label import LABEL_NAME
from ingestion.quarantine import SPARE_BYTES

MAX_UPLOAD_BYTES = 512 << 20
MAX_UPLOAD_FILES = 100
FORM_BYTES = 1 << 20


class QuarantineHandler(FileUploadHandler):
    """Django's upload handler that writes each file of a form as `folder/<name>` and counts all bytes together."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder, self.left, self.names = folder, MAX_UPLOAD_BYTES, set[str]()
        self.stream: BinaryIO | None = None

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, boundary: Any, encoding: Any = None
    ) -> None:
        """Refuse what says itself that it is too large, before any of it is read."""
        if content_length > MAX_UPLOAD_BYTES + FORM_BYTES:
            raise _too_large()
        if shutil.disk_usage(self.folder).free < 2 * content_length + SPARE_BYTES:
            raise StorageError("the quarantine is too full to take an upload now; the operator has to make room")

    def new_file(self, *args: Any, **options: Any) -> None:
        """Open the next file."""
        super().new_file(*args, **options)
        name = str(self.file_name)
        if not is_safe_name(name) or name in {LABEL_NAME, MANIFEST_NAME}:
            raise UsageError(
                f"the file name {name[:80]!r} is not allowed: 1 to 68 of a-z 0-9 . _ -, and not {LABEL_NAME} or "
                f"{MANIFEST_NAME}, which the archive writes; rename the file"
            )
        if name.casefold() in self.names:
            raise UsageError(f"two files are named {name}: rename one of them")
        self.names.add(name.casefold())
        if len(self.names) > MAX_UPLOAD_FILES:
            raise TooLargeError(
                f"the form takes {MAX_UPLOAD_FILES} files; for more, ask the archive to receive a package"
            )
        self.stream = (self.folder / name).open("xb")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Write a part of the file; nothing is passed on to other handlers."""
        self.left -= len(raw_data)
        if self.left < 0:
            self.upload_interrupted()
            raise _too_large()
        if self.stream is not None:
            self.stream.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile:
        """Close the file; what the form gets in its place is empty, the folder has the content."""
        if self.stream is not None:
            self.stream.close()
        return UploadedFile(io.BytesIO(), name=str(self.file_name), size=file_size)

    def upload_interrupted(self) -> None:
        """Close what is open; the folder goes with its request."""
        if self.stream is not None:
            self.stream.close()


def _too_large() -> TooLargeError:
    return TooLargeError(
        f"the form takes {MAX_UPLOAD_BYTES >> 20} MiB in all; for more, ask the archive to receive a package"
    )
