"""What was found, across images: one row a risk, and what people decided about it."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Cast, Concat, Least, Lower

from accounts.models import User
from quota.models.images import Image
from quota.models.owned import Owned, OwnedKey

AFFECTING = Q(images__gt=0)
PRESENT = Q(image__is_local=True) | Q(image__is_repository=True)


class TriageState(models.TextChoices):
    """What people think of a finding."""

    OPEN = "open", "Open"
    ACCEPTED = "accepted", "Risk accepted"
    FALSE_POSITIVE = "false_positive", "False positive"
    FIXED_ELSEWHERE = "fixed_elsewhere", "Fixed elsewhere"


class FindingGroup(Owned):
    """One identifier in one package, in whatever images it is found.

    It outlives its findings, so that what was decided is kept across scans.
    ``severity`` to ``source`` are as the latest scan that found it says. ``images``
    counts the images seen now that have it, ``open_images`` those of them for which
    nothing was decided; whoever shows or hides findings moves both
    (``services.grouping``). ``decided`` is the newest decision, for one image or all.
    """

    category = models.CharField(max_length=16)
    identifier = models.CharField(max_length=200)
    package = models.CharField(max_length=200, blank=True)
    severity = models.CharField(max_length=8)
    rank = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=500, blank=True)
    fixed_version = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=200, blank=True)
    images = models.PositiveIntegerField(default=0)
    open_images = models.PositiveIntegerField(default=0)
    decided = models.CharField(max_length=15, blank=True, choices=TriageState)
    first_seen_at = models.DateTimeField()

    # Open where it is open in any image; else as was decided last.
    state = models.GeneratedField(
        expression=Case(
            When(Q(open_images__gt=0) | Q(decided=""), then=Value("open")),
            default=F("decided"),
        ),
        output_field=models.CharField(max_length=15, choices=TriageState),
        db_persist=True,
    )
    # Sorts by severity, then by how many images have it.
    weight = models.GeneratedField(
        expression=(Value(9) - Cast("rank", models.BigIntegerField())) * Value(10**9)
        + Least(F("images"), Value(10**9 - 1)),
        output_field=models.BigIntegerField(),
        db_persist=True,
    )
    search = models.GeneratedField(
        expression=Lower(
            Concat(F("identifier"), Value(" "), F("package"), Value(" "), F("title"))
        ),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta(Owned.Meta):
        constraints = [
            *Owned.Meta.constraints,
            models.UniqueConstraint(
                "account", "category", "identifier", "package", name="group_is_one_risk"
            ),
            models.CheckConstraint(
                name="group_open_in_no_more_images_than_have_it",
                condition=Q(open_images__lte=F("images")),
            ),
        ]
        indexes = [
            models.Index(
                "account", "category", "weight", "id",
                name="group_weight", condition=AFFECTING,
            ),
            models.Index(
                "account", "category", "images", "id",
                name="group_images", condition=AFFECTING,
            ),
            models.Index(
                "account", "category", "first_seen_at", "id",
                name="group_seen", condition=AFFECTING,
            ),
            models.Index(
                "account", "category", "state", "weight", "id",
                name="group_state", condition=AFFECTING,
            ),
            GinIndex(
                F("account"),
                OpClass(F("search"), name="gin_trgm_ops"),
                name="group_search",
                condition=AFFECTING,
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.identifier} {self.package}".strip()


class Triage(Owned):
    """One decision about a finding: for one image, or for all (``image`` is null).

    Written once. The newest that covers an image holds for it. It goes only with the
    finding or the image it is about, which the database sees to.
    """

    group = OwnedKey(FindingGroup, models.DO_NOTHING, related_name="decisions")
    image = OwnedKey(Image, models.DO_NOTHING, null=True, related_name="+")
    state = models.CharField(max_length=15, choices=TriageState)
    note = models.CharField(max_length=500, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    decided_at = models.DateTimeField()

    class Meta(Owned.Meta):
        verbose_name_plural = "triage decisions"
        constraints = [
            *Owned.Meta.constraints,
            models.CheckConstraint(
                name="triage_says_why", condition=Q(state="open") | ~Q(note="")
            ),
        ]
        indexes = [
            models.Index(fields=["account", "group", "id"], name="triage_of_group"),
            models.Index(
                fields=["account", "image"],
                name="triage_of_image",
                condition=Q(image__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_state_display()}: {self.note}"
