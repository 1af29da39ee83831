"""What tests of TAP jobs need: a thread in place of a worker process, and directories and connections of their own."""

import threading
from contextlib import contextmanager


@contextmanager
def running_worker():
    """Run jobs in a thread as a worker process does."""
    from django.db import connection

    from archive.jobs import run_next_job

    ended = threading.Event()

    def work():
        try:
            while not ended.is_set():
                if not run_next_job():
                    ended.wait(0.01)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(30)
        assert not thread.is_alive()
