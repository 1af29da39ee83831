"""Settings of the tests: the archive's own, in a directory of their own.

pytest-django reads the settings before any conftest runs, so the environment is made here. With DATABASE_URL set,
the tests run on that server; otherwise on an embedded one that lives as long as the test session.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

if "ARCHIPELAGO_TEST_DATA" not in os.environ:
    memory = Path("/dev/shm")  # noqa: S108 - a test cluster need not survive a power cut, and syncs cost the most
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 4 * 2**30
    directory = Path(tempfile.mkdtemp(prefix="archipelago-test-", dir=memory if roomy else None))
    directory.chmod(0o711)  # the server's own user passes through
    os.environ["ARCHIPELAGO_TEST_DATA"] = str(directory)  # inherited by the processes that tests start
    # Registered before the supervisor's own exit handler, so it runs after the server has stopped.
    atexit.register(shutil.rmtree, directory, ignore_errors=True)

os.environ["ARCHIPELAGO_DATA"] = os.environ["ARCHIPELAGO_TEST_DATA"]
os.environ["ARCHIPELAGO_SECRET_KEY"] = "only-for-tests"
for name in ("ARCHIPELAGO_DEBUG", "ARCHIPELAGO_PUBLIC_URL", "ARCHIPELAGO_ALLOWED_HOSTS", "CELERY_BROKER_URL"):
    os.environ.pop(name, None)

from archive.settings import *  # noqa: E402, F403 - the environment comes first

STATIC_ROOT.mkdir(exist_ok=True)  # noqa: F405 - whitenoise warns where it is absent
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", "testserver"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
KEEP_WARM = False  # no thread of its own beside the transactions of tests
