"""Scheduled scans: what each list's schedule says, and each of its runs."""

from dataclasses import asdict, dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from accounts.models import User
from quota.models.owned import Owned, OwnedKey
from quota.models.scans import ScanTask
from quota.models.selection import Kind, Scope, Selection
from quota.rules.scheduling import CYCLES, Timing
from quota.scanners.port import Category

UNDO = timedelta(minutes=10)
# A weekly run counts a result of last week's as a week old, though it took a while.
LEEWAY_HOURS = 12


@dataclass(frozen=True, slots=True)
class Settings:
    """What a schedule says; as it stands here, it is off."""

    is_on: bool = False
    cycle_days: int = 1
    start: time = time(2)
    stop_by: time | None = None
    categories: tuple[str, ...] = tuple(category.value for category in Category)
    scope: Scope = Scope.RECOMMENDED
    images: tuple[int, ...] = ()
    left_out: tuple[str, ...] = ()
    latest_only: bool = False
    other_platforms: bool = False
    fit: bool = False

    def selection(self, kind: Kind) -> Selection:
        """The images a run scans."""
        return Selection(
            scope=self.scope,
            ids=self.images if self.scope is Scope.SELECTED else (),
            kind=kind,
            left_out=self.left_out,
            latest_only=self.latest_only,
            other_platforms=self.other_platforms,
            leeway_hours=LEEWAY_HOURS,
        )

    def timing(self, zone: ZoneInfo) -> Timing:
        """When it runs, by the clocks of the account."""
        return Timing(self.cycle_days, self.start, self.stop_by, zone)

    def plain(self) -> dict[str, Any]:
        """The settings as plain data, for the revision that undo brings back."""
        stop_by = self.stop_by.isoformat() if self.stop_by else None
        return {**asdict(self), "start": self.start.isoformat(), "stop_by": stop_by}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "Settings":
        """The settings that ``plain()`` wrote."""
        stop_by = plain["stop_by"]
        return cls(
            **{
                **plain,
                "start": time.fromisoformat(plain["start"]),
                "stop_by": time.fromisoformat(stop_by) if stop_by else None,
                "scope": Scope(plain["scope"]),
                "categories": tuple(plain["categories"]),
                "images": tuple(plain["images"]),
                "left_out": tuple(plain["left_out"]),
            }
        )


class Schedule(Owned):
    """The schedule of one list of images.

    ``due_at`` is its next run, and stands while it is on. ``revision`` counts what was
    saved, so that two people do not save over each other; ``previous`` is what undo
    brings back for ten minutes.
    """

    kind = models.CharField(max_length=10, choices=[(k.value, k.value) for k in Kind])
    is_on = models.BooleanField()
    cycle_days = models.PositiveSmallIntegerField()
    start = models.TimeField()
    stop_by = models.TimeField(null=True)
    categories = ArrayField(models.CharField(max_length=16))
    scope = models.CharField(max_length=11)
    images = ArrayField(models.BigIntegerField(), default=list)
    left_out = ArrayField(models.CharField(max_length=200), default=list)
    latest_only = models.BooleanField(default=False)
    other_platforms = models.BooleanField(default=False, db_default=False)
    fit = models.BooleanField(default=False)
    due_at = models.DateTimeField(null=True)
    revision = models.PositiveIntegerField(default=1)
    previous = models.JSONField(null=True)
    saved_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", db_index=False
    )
    saved_at = models.DateTimeField()

    class Meta(Owned.Meta):
        constraints = [
            *Owned.Meta.constraints,
            models.UniqueConstraint("account", "kind", name="schedule_once_per_list"),
            models.CheckConstraint(
                name="schedule_is_of_a_list_of_images",
                condition=Q(kind__in=[kind.value for kind in Kind]),
            ),
            models.CheckConstraint(
                name="schedule_cycle_is_one_offered",
                condition=Q(cycle_days__in=CYCLES),
            ),
            models.CheckConstraint(
                name="schedule_never_stops_when_it_starts",
                condition=Q(stop_by=None) | ~Q(stop_by=F("start")),
            ),
            models.CheckConstraint(
                name="schedule_looks_for_something",
                condition=Q(categories__len__gte=1),
            ),
            models.CheckConstraint(
                name="schedule_of_chosen_images_has_some",
                condition=~Q(scope="selected") | Q(images__len__gte=1),
            ),
            models.CheckConstraint(
                name="schedule_scope_is_one_offered",
                condition=Q(scope__in=["selected", "recommended", "all"]),
            ),
            models.CheckConstraint(
                name="schedule_is_due_while_it_is_on",
                condition=Q(is_on=True, due_at__isnull=False)
                | Q(is_on=False, due_at=None),
            ),
        ]
        indexes = [
            models.Index("due_at", name="schedule_due", condition=Q(is_on=True)),
        ]

    def __str__(self) -> str:
        return f"Schedule of {self.kind} images"

    @property
    def settings(self) -> Settings:
        """What it says."""
        return Settings(
            is_on=self.is_on,
            cycle_days=self.cycle_days,
            start=self.start,
            stop_by=self.stop_by,
            categories=tuple(self.categories),
            scope=Scope(self.scope),
            images=tuple(self.images),
            left_out=tuple(self.left_out),
            latest_only=self.latest_only,
            other_platforms=self.other_platforms,
            fit=self.fit,
        )

    def can_undo(self, now: datetime) -> bool:
        """Whether the revision before can still be brought back."""
        return self.previous is not None and now < self.saved_at + UNDO


class ScheduledRun(Owned):
    """One run of a schedule, at the time it was due; there is never a second.

    ``cut`` counts the images it did not reach, for want of quota or of time.
    """

    class Outcome(models.TextChoices):
        SUCCESS = "Success", "Started"
        INSUFFICIENT_LICENSE = "InsufficientLicense", "Not enough quota"
        IMAGE_NEED_IS_EMPTY = "ImageNeedIsEmpty", "Nothing to scan"
        INTERNAL_ERROR = "InternalError", "Something broke on our side"
        SKIPPED = "Skipped", "Skipped"

    schedule = OwnedKey(Schedule, models.PROTECT, related_name="runs")
    due_at = models.DateTimeField()
    ran_at = models.DateTimeField()
    outcome = models.CharField(max_length=19, choices=Outcome)
    reason = models.CharField(max_length=300, blank=True)
    task = OwnedKey(ScanTask, models.PROTECT, null=True, related_name="runs")
    cut = models.PositiveIntegerField(default=0)

    class Meta(Owned.Meta):
        constraints = [
            *Owned.Meta.constraints,
            models.UniqueConstraint(
                "account", "schedule", "due_at", name="run_once_per_due_time"
            ),
            models.UniqueConstraint(
                "account", "task", name="run_has_a_task_of_its_own"
            ),
            models.CheckConstraint(
                name="run_has_a_task_exactly_when_it_started",
                condition=Q(outcome="Success", task__isnull=False)
                | (~Q(outcome="Success") & Q(task=None, cut=0)),
            ),
            models.CheckConstraint(
                name="run_without_a_task_says_why",
                condition=Q(outcome="Success") | ~Q(reason=""),
            ),
            models.CheckConstraint(
                name="run_never_before_it_is_due",
                condition=Q(ran_at__gte=F("due_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"Run {self.pk}"
