"""Scan tasks and the scans in them."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from accounts.models import User
from quota.models.images import Image
from quota.models.owned import Owned
from quota.models.selection import Kind
from quota.models.windows import ScanReason
from quota.rules.lifecycle import ScanState

DEFAULT_TIME_LIMIT = 3_600


class ScanTask(Owned):
    """One press of *Scan now*, or one scheduled run.

    It has no state of its own: what it is follows from its scans, so it can never be
    "running" for ever. ``key`` is the press; a second press finds this row.
    """

    key = models.UUIDField()
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
    retry_of = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        related_name="retries",
        db_constraint=False,
        db_index=False,
    )

    class Meta(Owned.Meta):
        constraints = [
            *Owned.Meta.constraints,
            models.UniqueConstraint("account", "key", name="task_once_per_key"),
            models.CheckConstraint(
                name="task_never_without_an_image", condition=Q(images__gte=1)
            ),
            models.CheckConstraint(
                name="task_looks_for_something", condition=Q(categories__len__gte=1)
            ),
        ]

    def __str__(self) -> str:
        return f"Task {self.pk}"

    @property
    def kind(self) -> Kind:
        """The list it was started from."""
        return Kind(self.asked.get("selection", {}).get("kind", Kind.LOCAL))


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

    task = models.ForeignKey(
        ScanTask,
        models.PROTECT,
        related_name="scans",
        db_constraint=False,
        db_index=False,
    )
    image = models.ForeignKey(
        Image,
        models.PROTECT,
        related_name="scans",
        db_constraint=False,
        db_index=False,
    )
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
            models.Index(fields=["account", "task", "state"], name="scan_of_task"),
            models.Index(fields=["account", "image", "id"], name="scan_of_image"),
        ]

    def __str__(self) -> str:
        return f"Scan {self.pk}"
