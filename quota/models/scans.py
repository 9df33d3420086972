"""Scan tasks and the scans in them."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Case, F, Q, Value, When

from accounts.models import User
from quota.models.images import Image
from quota.models.owned import Owned, OwnedKey
from quota.models.windows import ScanReason
from quota.rules.lifecycle import ScanState

DEFAULT_TIME_LIMIT = 3_600
# Released without anybody having looked into the image: not a failure.
NOT_STARTED = ("stopped", "expired", "undone")
# What the list of tasks filters by; each has an index of its own.
TASKS_IN = {
    "live": Q(ended_at=None),
    "failed": Q(failed__gt=0),
    "stopped": Q(stopped_at__isnull=False) | Q(undone_at__isnull=False),
}


class ScanTask(Owned):
    """One press of *Scan now*, or one scheduled run.

    It has no state of its own: what it is follows from its scans. ``settled`` and the
    figures below it are kept as they end, so that a list never counts scans; the
    constraint ties the end to them, so that no task is "running" for ever. ``key`` is
    the press; a second press finds this row. Nothing of it starts after ``stop_by``.
    """

    key = models.UUIDField()
    kind = models.CharField(max_length=10, default="local")
    asked = models.JSONField()
    title = models.CharField(max_length=200)
    categories = ArrayField(models.CharField(max_length=16))
    time_limit = models.PositiveIntegerField(
        default=DEFAULT_TIME_LIMIT,
        validators=[MinValueValidator(60), MaxValueValidator(86_400)],
    )
    images = models.PositiveIntegerField()
    left_out = models.PositiveIntegerField(default=0)
    cost_tenths = models.PositiveIntegerField()
    requested_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", db_index=False
    )
    requested_at = models.DateTimeField()
    stopped_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", db_index=False
    )
    stopped_at = models.DateTimeField(null=True)
    retry_of = OwnedKey("self", models.PROTECT, null=True, related_name="retries")
    stop_by = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)
    begun_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    settled = models.PositiveIntegerField(default=0)
    released = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    first_scans = models.PositiveIntegerField(default=0)
    used_tenths = models.PositiveIntegerField(default=0)
    returned_tenths = models.PositiveIntegerField(default=0)
    at_risk = models.PositiveIntegerField(default=0)
    critical = models.PositiveIntegerField(default=0)
    high = models.PositiveIntegerField(default=0)
    trojans = models.PositiveIntegerField(default=0)
    sensitive = models.PositiveIntegerField(default=0)

    class Meta(Owned.Meta):
        constraints = [
            *Owned.Meta.constraints,
            models.UniqueConstraint("account", "key", name="task_once_per_key"),
            models.CheckConstraint(
                name="task_ends_when_all_its_scans_have",
                condition=Q(ended_at=None, images__gt=F("settled") + F("released"))
                | Q(ended_at__isnull=False, images=F("settled") + F("released")),
            ),
            models.CheckConstraint(
                name="task_is_of_a_list_of_images",
                condition=Q(kind__in=["local", "repository"]),
            ),
            models.CheckConstraint(
                name="task_never_uses_more_than_it_held",
                condition=Q(cost_tenths__gte=F("used_tenths") + F("returned_tenths")),
            ),
            models.CheckConstraint(
                name="task_never_without_an_image", condition=Q(images__gte=1)
            ),
            models.CheckConstraint(
                name="task_looks_for_something", condition=Q(categories__len__gte=1)
            ),
        ]
        indexes = [
            models.Index(fields=["account", "requested_at", "id"], name="task_latest"),
            models.Index(
                fields=["account", "kind", "requested_at", "id"], name="task_of_kind"
            ),
            models.Index(
                fields=["account", "requested_by", "requested_at", "id"],
                name="task_of_person",
            ),
            *(
                models.Index(
                    fields=["account", "requested_at", "id"],
                    name=f"task_{name}",
                    condition=condition,
                )
                for name, condition in TASKS_IN.items()
            ),
        ]

    def __str__(self) -> str:
        return f"Task {self.pk}"

    @property
    def waiting_or_running(self) -> int:
        """How many of its scans have not ended."""
        return self.images - self.settled - self.released


class Scan(Owned):
    """One image in one task.

    queued → running (claimed by a worker, with a lease and a deadline) → settled or
    released, once. A lease that runs out before the deadline takes it back to queued.
    """

    class Outcome(models.TextChoices):
        SUCCEEDED = "succeeded", "Scanned"
        FAILED = "failed", "Failed"
        TIMED_OUT = "timed_out", "Timed out"
        NOT_ASSESSED = "not_assessed", "Not assessed"
        STOPPED = "stopped", "Stopped"
        EXPIRED = "expired", "Not started in time"
        UNDONE = "undone", "Undone"

    class Place(models.IntegerChoices):
        """Where a scan stands in its task's table: what needs a person comes first."""

        FAILED = 0, "Failed"
        RUNNING = 1, "Scanning"
        SCANNED = 2, "Scanned"
        WAITING = 3, "Waiting"
        NOT_STARTED = 4, "Not started"

    task = OwnedKey(ScanTask, models.PROTECT, related_name="scans")
    image = OwnedKey(Image, models.PROTECT, related_name="scans")
    image_digest = models.CharField(max_length=71)
    reason = models.CharField(max_length=6, choices=ScanReason)
    cost_tenths = models.PositiveSmallIntegerField()
    state = models.CharField(
        max_length=8,
        choices=[(state.value, state.value) for state in ScanState],
        default=ScanState.QUEUED,
    )
    held_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    claim = models.UUIDField(null=True)
    claimed_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    deadline_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=12, choices=Outcome, blank=True)
    message = models.CharField(max_length=300, blank=True)
    found = models.JSONField(null=True)
    assessments = models.JSONField(null=True)
    at_risk = models.BooleanField(db_default=False)
    place = models.GeneratedField(
        expression=Case(
            When(state="queued", then=Value(Place.WAITING.value)),
            When(state="running", then=Value(Place.RUNNING.value)),
            When(state="settled", then=Value(Place.SCANNED.value)),
            When(outcome__in=NOT_STARTED, then=Value(Place.NOT_STARTED.value)),
            default=Value(Place.FAILED.value),
        ),
        output_field=models.SmallIntegerField(),
        db_persist=True,
    )

    class Meta(Owned.Meta):
        constraints = [
            *Owned.Meta.constraints,
            models.UniqueConstraint(
                "account", "task", "image", name="scan_once_per_task_and_image"
            ),
            models.UniqueConstraint(
                "account",
                "image",
                condition=Q(state__in=["queued", "running"]),
                name="scan_one_in_flight_per_image",
            ),
            models.CheckConstraint(
                name="scan_claimed_while_running",
                condition=Q(
                    state="running",
                    claim__isnull=False,
                    lease_until__isnull=False,
                    deadline_at__isnull=False,
                )
                | Q(state="queued", claim=None, lease_until=None)
                | Q(state__in=["settled", "released"]),
            ),
            models.CheckConstraint(
                name="scan_end_is_dated_and_has_an_outcome",
                condition=Q(state__in=["queued", "running"], ended_at=None, outcome="")
                | Q(state="settled", ended_at__isnull=False, outcome="succeeded")
                | (
                    Q(state="released", ended_at__isnull=False)
                    & ~Q(outcome__in=["", "succeeded"])
                ),
            ),
            models.CheckConstraint(
                name="scan_costs_something", condition=Q(cost_tenths__gte=1)
            ),
        ]
        indexes = [
            models.Index(
                F("account"), F("id"), name="scan_to_claim", condition=Q(state="queued")
            ),
            models.Index(
                F("lease_until"), name="scan_leases", condition=Q(state="running")
            ),
            models.Index(
                F("held_at"), name="scan_unclaimed", condition=Q(state="queued")
            ),
            models.Index(
                fields=["account", "task", "place", "id"], name="scan_in_task"
            ),
            models.Index(
                fields=["account", "task", "id"],
                name="scan_at_risk",
                condition=Q(at_risk=True),
            ),
            models.Index(fields=["account", "image", "id"], name="scan_of_image"),
        ]

    def __str__(self) -> str:
        return f"Scan {self.pk}"
