"""Registries a customer connected, and each time one was read."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from accounts.credentials import EncryptedField
from accounts.models import User
from quota.models.owned import Owned, OwnedKey


class Registry(Owned):
    """A registry that speaks OCI Distribution, and how to sign in to it.

    ``only`` names the namespaces (ending in ``/``) and repositories to read, where not
    all are wanted or the registry does not list them. ``scanner`` names an engine for
    its images; blank is the operator's. ``problem`` and ``remedy`` say what is wrong
    since ``failing_since``. ``pulls`` counts those of the hour that began at
    ``hour_began_at``.
    """

    class Type(models.TextChoices):
        DOCKER = "docker", "Docker registry"
        HARBOR = "harbor", "Harbor"
        QUAY = "quay", "Quay"
        JFROG = "jfrog", "JFrog Artifactory"
        ECR = "ecr", "Amazon ECR"
        ACR = "acr", "Azure ACR"
        TCR = "tcr", "Tencent TCR"

    name = models.CharField(max_length=60)
    type = models.CharField(max_length=6, choices=Type, default=Type.DOCKER)
    address = models.CharField(max_length=300)
    username = models.CharField(max_length=200, blank=True)
    password = EncryptedField(blank=True)
    verify_certificate = models.BooleanField(default=True)
    ca_certificate = models.TextField(blank=True)
    pull_limit = models.PositiveIntegerField(null=True, blank=True)
    only = ArrayField(models.CharField(max_length=255), default=list, blank=True)
    scanner = models.CharField(max_length=32, blank=True)
    created_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField()

    checked_at = models.DateTimeField(null=True)
    succeeded_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    problem = models.CharField(max_length=500, blank=True)
    remedy = models.CharField(max_length=500, blank=True)
    hour_began_at = models.DateTimeField(null=True)
    pulls = models.PositiveIntegerField(default=0)

    class Meta(Owned.Meta):
        verbose_name_plural = "registries"
        constraints = [
            *Owned.Meta.constraints,
            models.UniqueConstraint(
                "account", Lower("name"), name="registry_name_once_per_account"
            ),
            models.CheckConstraint(
                name="registry_password_never_in_plain_text",
                condition=Q(password="") | Q(password__startswith="gAAAA"),  # noqa: S106
            ),
            models.CheckConstraint(
                name="registry_failure_is_dated_and_explained",
                condition=Q(failing_since=None, problem="", remedy="")
                | (Q(failing_since__isnull=False) & ~Q(problem="")),
            ),
            models.CheckConstraint(
                name="registry_pull_limit_lets_something_through",
                condition=Q(pull_limit=None) | Q(pull_limit__gte=1),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RegistrySync(Owned):
    """One reading of a registry: on demand, or once a night (``night`` is its date).

    It goes on from ``cursor``, the last repository that was written, when its worker
    dies or has to wait until ``resume_at``. A full one reads every manifest again.
    """

    class Outcome(models.TextChoices):
        DONE = "done", "Synced"
        FAILED = "failed", "Failed"

    registry = OwnedKey(Registry, models.PROTECT, related_name="syncs")
    is_full = models.BooleanField(default=False)
    night = models.DateField(null=True)
    requested_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", db_index=False
    )
    requested_at = models.DateTimeField()
    began_at = models.DateTimeField(null=True)
    cursor = models.CharField(max_length=300, blank=True)
    repositories = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(null=True)
    tags = models.PositiveIntegerField(default=0)
    new = models.PositiveIntegerField(default=0)
    gone = models.PositiveIntegerField(default=0)
    unread = models.PositiveIntegerField(default=0)
    unread_example = models.CharField(max_length=500, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    claim = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    resume_at = models.DateTimeField(null=True)
    waits_because = models.CharField(max_length=500, blank=True)
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=6, choices=Outcome, blank=True)
    message = models.CharField(max_length=500, blank=True)

    class Meta(Owned.Meta):
        constraints = [
            *Owned.Meta.constraints,
            models.UniqueConstraint(
                "account",
                "registry",
                condition=Q(ended_at=None),
                name="sync_one_at_a_time_per_registry",
            ),
            models.UniqueConstraint(
                "account", "registry", "night", name="sync_once_per_night"
            ),
            models.CheckConstraint(
                name="sync_end_is_dated_and_has_an_outcome",
                condition=Q(ended_at=None, outcome="")
                | (Q(ended_at__isnull=False, claim=None) & ~Q(outcome="")),
            ),
            models.CheckConstraint(
                name="sync_claimed_with_a_lease",
                condition=Q(claim=None, lease_until=None)
                | Q(claim__isnull=False, lease_until__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "registry", "-id"], name="sync_of_registry"
            ),
            models.Index("requested_at", name="sync_live", condition=Q(ended_at=None)),
        ]

    def __str__(self) -> str:
        return f"Sync {self.pk}"
