"""Prepare, check, hand in, sign and publish deliveries."""

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from archive.jobs import submit_job
from archive.models import SignOff, Submission
from archive.tasks import nudge
from ingestion import gates
from ingestion.expiry import KEPT_DAYS, expire_packages
from ingestion.jobs import next_job
from ingestion.prepare import pack_delivery, write_label
from ingestion.progress import Progress
from ingestion.rehearsal import describe_verdicts, judge, prepare_deliveries
from ingestion.rehearsal_run import rehearse
from ingestion.report_page import describe_delivery, render_delivery
from ingestion.status import describe_submission
from ingestion.validator import validate_delivery


class Command(BaseCommand):
    """Door to `ingestion.prepare`, `ingestion.validator` and `ingestion.gates`."""

    help = "Prepare, check, hand in, sign and publish deliveries. init, validate and pack need no database."
    requires_system_checks = []  # pyright: ignore[reportAssignmentType] - Django takes a list, its types do not

    def add_arguments(self, parser: CommandParser) -> None:
        """Add one sub-command per step of a delivery."""
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        init = actions.add_parser("init", help="write a delivery.yaml for the files of a folder, to be filled in")
        init.add_argument("path", type=Path, help="the folder")
        validate = actions.add_parser("validate", help="check a delivery; exit code 1 when it would be refused")
        validate.add_argument("path", type=Path, help="a folder with delivery.yaml, or a bag")
        validate.add_argument("--format", choices=("text", "json", "html"), default="text", help="of the report")
        validate.add_argument("--output", type=Path, help="write the report there (default: standard output)")
        pack = actions.add_parser("pack", help="pack a folder with delivery.yaml as a BagIt 1.0 bag")
        pack.add_argument("path", type=Path, help="the folder")
        pack.add_argument("--output", type=Path, help="the bag (default: a folder named delivery_id beside it)")
        submit = actions.add_parser("submit", help="hand a package in: quarantine, validation, preview")
        submit.add_argument("path", type=Path, help="a folder with delivery.yaml, or a bag")
        sign = actions.add_parser("sign", help="sign what the preview shows; the second signature publishes")
        sign.add_argument("delivery_id")
        sign.add_argument("--role", choices=SignOff.Role.values, required=True, help="for which side")
        resume = actions.add_parser("resume", help="go on with a delivery that was interrupted")
        resume.add_argument("delivery_id")
        status = actions.add_parser("status", help="where deliveries stand")
        status.add_argument("delivery_id", nargs="?", help="one delivery, with its report (default: list all)")
        expire = actions.add_parser(
            "expire", help="remove refused and replaced packages from quarantine; reports and log stay"
        )
        expire.add_argument(
            "--older-than", type=float, default=KEPT_DAYS, metavar="DAYS", help=f"since then (default: {KEPT_DAYS})"
        )
        rehearse = actions.add_parser(
            "rehearse", help="take real files through all gates, roll back, publish again; in an empty archive only"
        )
        rehearse.add_argument("path", type=Path, help="the data directory")
        rehearse.add_argument("--work", type=Path, required=True, help="a new folder for the packages")
        rehearse.add_argument(
            "--verdicts", action="store_true", help="only write the verdict on each file, as Markdown"
        )
        for action in (submit, sign):
            action.add_argument("--by", required=True, metavar="NAME", help="who, for the audit log: a role or account")
        for action in (submit, sign, resume):
            action.add_argument("--queue", action="store_true", help="leave the work to the archive's workers")

    def handle(self, *args: object, **options: Any) -> None:
        """Run the action."""
        getattr(self, f"_{options['action']}")(options)

    def _init(self, options: dict[str, Any]) -> None:
        path, unknown = write_label(options["path"])
        self.stdout.write(f"Wrote {path}: fill in the empty keys, then run archipelago delivery validate.")
        if unknown:
            self.stdout.write(f"Of no known kind, to be removed or named by hand: {', '.join(unknown)}.")

    def _validate(self, options: dict[str, Any]) -> None:
        report = validate_delivery(options["path"], Progress(self.stderr).say)
        written = {
            "text": lambda: describe_delivery(report) + "\n",
            "json": lambda: json.dumps(report.as_json(), indent=1, allow_nan=False) + "\n",
            "html": lambda: render_delivery(report),
        }[options["format"]]()
        if options["output"]:
            options["output"].write_text(written, "utf-8")
        else:
            self.stdout.write(written, ending="")
        if not report.is_valid:
            raise SystemExit(1)

    def _pack(self, options: dict[str, Any]) -> None:
        self.stdout.write(f"Packed {pack_delivery(options['path'], options['output'])}.")

    def _submit(self, options: dict[str, Any]) -> None:
        submission = gates.receive(options["path"], actor=options["by"], say=Progress(self.stderr).say)
        self._go_on(submission, queue=options["queue"])

    def _sign(self, options: dict[str, Any]) -> None:
        submission = gates.sign(options["delivery_id"], role=options["role"], signer=options["by"])
        self._go_on(submission, queue=options["queue"])

    def _resume(self, options: dict[str, Any]) -> None:
        self._go_on(gates.find_submission(options["delivery_id"]), queue=options["queue"])

    def _go_on(self, submission: Submission, *, queue: bool) -> None:
        """Do every gate that can be done now, here or in a worker, and say where the delivery stands."""
        if queue and (kind := next_job(submission)):
            submit_job(kind=kind, arguments={"submission": submission.pk})
            nudge()
            self.stdout.write(f"{submission}: left to the workers; archipelago delivery status tells how far it is.")
            return
        say = Progress(self.stderr).say
        submission = gates.check(submission.pk, say=say)
        if submission.state == gates.State.VALID and not gates.missing_signatures(submission):
            submission = gates.publish(submission.pk, say=say)
        submission = gates.read_back(submission.pk, say=say)
        self.stdout.write(describe_submission(submission))
        if submission.state in {gates.State.INVALID, gates.State.DAMAGED}:
            raise SystemExit(1)

    def _rehearse(self, options: dict[str, Any]) -> None:
        if options["verdicts"]:
            deliveries, _ = prepare_deliveries(options["path"], options["work"])
            self.stdout.write(describe_verdicts(judge(deliveries)), ending="")
            return
        for line in rehearse(options["path"], options["work"], Progress(self.stderr).say):
            self.stdout.write(line)

    def _expire(self, options: dict[str, Any]) -> None:
        removed = expire_packages(older_than_days=options["older_than"])
        self.stdout.write("\n".join(f"Removed from quarantine: {name}." for name in removed) or "Nothing to remove.")

    def _status(self, options: dict[str, Any]) -> None:
        if options["delivery_id"]:
            self.stdout.write(describe_submission(gates.find_submission(options["delivery_id"])))
            return
        for submission in Submission.objects.all():
            self.stdout.write(
                f"{submission.received_at:%Y-%m-%d %H:%M}  {submission}  {Submission.State(submission.state).label}"
            )
        if not Submission.objects.exists():
            self.stdout.write("No delivery was handed in yet.")
