"""The Celery application: workers are told to look into the job table, the message itself carries nothing.

Where no broker is named, messages are files below the data directory. That transport loses what a killed worker
had in hand; the job table does not (archive/jobs.py), so nothing is lost.
"""

import os

from celery import Celery
from django.conf import settings
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "archive.settings")

COUNT_EVERY_S = 60.0
SWEEP_EVERY_S = 5.0
EXPIRE_EVERY_S = 60.0
CLEAR_SESSIONS_EVERY_S = 3_600.0
FIXITY_EVERY_S = 86_400
"""Each day the files are hashed that were not verified for 90 days (`ingestion.jobs.sweep_fixity`)."""


def make_broker_options() -> dict[str, object]:
    """Settings of the broker: `CELERY_BROKER_URL`, else files in ``<data>/broker``."""
    if settings.CELERY_BROKER_URL:
        return {"broker_url": settings.CELERY_BROKER_URL}
    queue, control = settings.DATA_ROOT / "broker" / "queue", settings.DATA_ROOT / "broker" / "control"
    for folder in (queue, control):
        folder.mkdir(parents=True, exist_ok=True)
    TRANSPORT_ALIASES["filesystem"] = "archive.broker:Transport"
    return {
        "broker_url": "filesystem://localhost/",
        "broker_transport_options": {
            "data_folder_in": str(queue),
            "data_folder_out": str(queue),
            "control_folder": str(control),
            "store_processed": False,
            "polling_interval": 0.02,
        },
    }


app = Celery("archipelago")
app.conf.update(
    **make_broker_options(),
    imports=["archive.tasks", "vo.uws.tasks"],
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,
    worker_hijack_root_logger=False,
    beat_schedule={
        "sweep": {"task": "archive.tasks.sweep_task", "schedule": SWEEP_EVERY_S, "options": {"expires": SWEEP_EVERY_S}},
        "fixity": {
            "task": "archive.tasks.sweep_fixity_task",
            "schedule": FIXITY_EVERY_S,
            "options": {"expires": FIXITY_EVERY_S},
        },
        "facet-counts": {
            "task": "archive.tasks.count_cubes_task",
            "schedule": COUNT_EVERY_S,
            "options": {"expires": COUNT_EVERY_S},
        },
        "expired-sessions": {
            "task": "archive.tasks.clear_sessions_task",
            "schedule": CLEAR_SESSIONS_EVERY_S,
            "options": {"expires": CLEAR_SESSIONS_EVERY_S},
        },
        "expired-jobs": {
            "task": "vo.uws.tasks.remove_expired_jobs_task",
            "schedule": EXPIRE_EVERY_S,
            "options": {"expires": EXPIRE_EVERY_S},
        },
    },
    timezone="UTC",
)
