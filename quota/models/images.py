"""Images of an account, where they were seen, and what was found in them."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Concat, Lower, Substr

from quota.models.owned import Owned, OwnedKey
from quota.models.registries import Registry

LOCAL = Q(is_local=True)
REPOSITORY = Q(is_repository=True)


class ImageSource(models.Model):
    """A place on the server that the operator allows one account to read images from.

    Only staff write these rows: a member must never be able to name a file of the
    server or somebody else's engine (rules 9).
    """

    class Kind(models.TextChoices):
        OCI_LAYOUT = "oci-layout", "Folder of OCI layouts and archives"
        DOCKER_ARCHIVE = "docker-archive", "Archive of docker save"
        ENGINE = "engine", "Docker-compatible engine (socket)"

    account = models.ForeignKey("accounts.Account", models.PROTECT, db_index=False)
    kind = models.CharField(max_length=14, choices=Kind)
    location = models.CharField(max_length=500)
    read_at = models.DateTimeField(null=True, blank=True, editable=False)
    problem = models.TextField(blank=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint("account", "id", name="imagesource_by_account"),
            models.UniqueConstraint(
                "account", "kind", "location", name="image_source_once_per_account"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.location}"


class Image(Owned):
    """One image of an account: one image ID, wherever it is seen (rules 5.1).

    Its row outlives its sightings, so that an image that went and came back keeps its
    history (rules 5.2). ``name`` to ``containers`` describe it on *Local images*,
    ``repository`` and its neighbours on *Repository images*; ``outcome`` and below are
    written when a scan ends, never when one is held. ``is_other_platform``: wherever it
    is seen, the same name and tag also mean an image for linux/amd64.

    Every sort of either list has an index of its own, alone and under the outcome.
    Those of local images hold the words as well, so that a search may walk far along a
    list without looking at its images.
    """

    class Outcome(models.TextChoices):
        NOT_SCANNED = "not_scanned", "Not scanned"
        SCANNED = "scanned", "Scanned"
        FAILED = "failed", "Failed"
        STOPPED = "stopped", "Stopped"

    digest = models.CharField(max_length=71)
    os = models.CharField(max_length=32)
    architecture = models.CharField(max_length=32)
    variant = models.CharField(max_length=32, blank=True)
    size = models.BigIntegerField()
    created_at = models.DateTimeField(null=True)
    first_seen_at = models.DateTimeField()
    is_other_platform = models.BooleanField(default=False, db_default=False)

    is_local = models.BooleanField(default=False)
    name = models.CharField(max_length=300, blank=True)
    tag = models.CharField(max_length=128, blank=True)
    tags = models.PositiveIntegerField(default=0)
    containers = models.PositiveIntegerField(default=0)

    is_repository = models.BooleanField(default=False)
    repository = models.CharField(max_length=300, blank=True)
    repository_tag = models.CharField(max_length=128, blank=True)
    repository_tags = models.PositiveIntegerField(default=0)
    repository_search = models.TextField(blank=True)

    outcome = models.CharField(
        max_length=11, choices=Outcome, default=Outcome.NOT_SCANNED
    )
    outcome_reason = models.CharField(max_length=300, blank=True)
    active_at = models.DateTimeField()
    scanned_at = models.DateTimeField(null=True)
    first_scans = models.PositiveIntegerField(default=0)
    repeat_scans = models.PositiveIntegerField(default=0)
    result = models.BigIntegerField(null=True)
    critical = models.PositiveIntegerField(null=True)
    high = models.PositiveIntegerField(null=True)
    medium = models.PositiveIntegerField(null=True)
    low = models.PositiveIntegerField(null=True)
    unknown = models.PositiveIntegerField(null=True)
    trojans = models.PositiveIntegerField(null=True)
    sensitive = models.PositiveIntegerField(null=True)
    risk = models.BigIntegerField(default=-1)

    search = models.GeneratedField(
        expression=Lower(
            Concat(
                F("name"),
                Value(":"),
                F("tag"),
                Value(" "),
                Substr(F("digest"), 8, 12),
            )
        ),
        output_field=models.TextField(),
        db_persist=True,
    )

    class Meta(Owned.Meta):
        constraints = [
            *Owned.Meta.constraints,
            models.UniqueConstraint("account", "digest", name="image_is_one_per_id"),
            models.CheckConstraint(
                name="image_id_is_a_digest",
                condition=Q(digest__regex=r"^sha256:[0-9a-f]{64}$"),
            ),
            models.CheckConstraint(
                name="image_result_never_without_a_scan",
                condition=Q(result=None, scanned_at=None, first_scans=0, repeat_scans=0)
                | Q(result__isnull=False, scanned_at__isnull=False, first_scans__gte=1),
            ),
        ]
        indexes = [
            models.Index(
                "account",
                "name",
                "id",
                include=["search"],
                name="image_name",
                condition=LOCAL,
            ),
            models.Index(
                "account",
                "containers",
                "id",
                include=["search"],
                name="image_containers",
                condition=LOCAL,
            ),
            models.Index(
                "account",
                "risk",
                "id",
                include=["search"],
                name="image_risk",
                condition=LOCAL,
            ),
            models.Index(
                "account",
                "active_at",
                "id",
                include=["search"],
                name="image_active",
                condition=LOCAL,
            ),
            models.Index(
                "account", "outcome", "name", "id", name="image_o_name", condition=LOCAL
            ),
            models.Index(
                "account",
                "outcome",
                "containers",
                "id",
                name="image_o_containers",
                condition=LOCAL,
            ),
            models.Index(
                "account", "outcome", "risk", "id", name="image_o_risk", condition=LOCAL
            ),
            models.Index(
                "account",
                "outcome",
                "active_at",
                "id",
                name="image_o_active",
                condition=LOCAL,
            ),
            GinIndex(
                F("account"),
                OpClass(F("search"), name="gin_trgm_ops"),
                name="image_search",
                condition=LOCAL,
            ),
            models.Index(
                "account",
                "repository",
                "id",
                name="image_r_repository",
                condition=REPOSITORY,
            ),
            models.Index(
                "account", "risk", "id", name="image_r_risk", condition=REPOSITORY
            ),
            models.Index(
                "account",
                "active_at",
                "id",
                name="image_r_active",
                condition=REPOSITORY,
            ),
            models.Index(
                "account",
                "outcome",
                "repository",
                "id",
                name="image_r_o_repository",
                condition=REPOSITORY,
            ),
            models.Index(
                "account",
                "outcome",
                "risk",
                "id",
                name="image_r_o_risk",
                condition=REPOSITORY,
            ),
            models.Index(
                "account",
                "outcome",
                "active_at",
                "id",
                name="image_r_o_active",
                condition=REPOSITORY,
            ),
            GinIndex(
                F("account"),
                OpClass(F("repository_search"), name="gin_trgm_ops"),
                name="image_r_search",
                condition=REPOSITORY,
            ),
        ]

    def __str__(self) -> str:
        name, tag = self.shown_as
        return f"{name}:{tag}"

    @property
    def shown_as(self) -> tuple[str, str]:
        """Name and tag where no list is meant: as on a host, else as in a registry."""
        if self.name or not self.repository:
            return self.name or self.digest[7:19], self.tag
        return self.repository, self.repository_tag


class Sighting(Owned):
    """An image seen under one name and tag, at a source or in a registry, until it is
    gone there.

    In a registry ``name`` is the repository, ``locator`` the digest of the image's
    manifest and ``tag_digest`` that of what the tag names, which may be an index.
    """

    image = OwnedKey(Image, models.PROTECT, related_name="sightings")
    source = OwnedKey(ImageSource, models.PROTECT, null=True)
    registry = OwnedKey(Registry, models.PROTECT, null=True)
    name = models.CharField(max_length=300)
    tag = models.CharField(max_length=128, blank=True)
    locator = models.CharField(max_length=500)
    tag_digest = models.CharField(max_length=71, blank=True)
    namespace = models.CharField(max_length=300, blank=True)
    is_latest = models.BooleanField(default=False)
    is_other_platform = models.BooleanField(default=False, db_default=False)
    containers = models.PositiveIntegerField(default=0)
    seen_at = models.DateTimeField()

    class Meta(Owned.Meta):
        constraints = [
            *Owned.Meta.constraints,
            models.UniqueConstraint(
                "account",
                "source",
                "image",
                "name",
                "tag",
                name="sighting_once_per_tag",
            ),
            models.UniqueConstraint(
                "account",
                "registry",
                "name",
                "tag",
                "image",
                name="sighting_once_per_registry_tag",
            ),
            models.CheckConstraint(
                name="sighting_at_a_source_or_in_a_registry",
                condition=Q(source__isnull=False, registry=None, tag_digest="")
                | (Q(source=None, registry__isnull=False) & ~Q(tag_digest="")),
            ),
        ]
        indexes = [models.Index(fields=["account", "image"], name="sighting_of_image")]

    def __str__(self) -> str:
        return f"{self.name}:{self.tag}"


class Finding(Owned):
    """One thing found in an image by the scan whose result is shown. ``state`` is what
    was decided about its group, for this image or for all."""

    image = OwnedKey(Image, models.PROTECT, related_name="findings")
    group = OwnedKey("quota.FindingGroup", models.PROTECT, related_name="findings")
    scan = models.BigIntegerField()
    category = models.CharField(max_length=16)
    severity = models.CharField(max_length=8)
    rank = models.PositiveSmallIntegerField()
    identifier = models.CharField(max_length=200)
    title = models.CharField(max_length=500, blank=True)
    package = models.CharField(max_length=200, blank=True)
    version = models.CharField(max_length=200, blank=True)
    fixed_version = models.CharField(max_length=200, blank=True)
    path = models.CharField(max_length=1000, blank=True)
    layer = models.CharField(max_length=40, blank=True)
    evidence = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=200, blank=True)
    advice = models.CharField(max_length=1000, blank=True)
    first_seen_at = models.DateTimeField()
    state = models.CharField(max_length=15, default="open", db_default="open")

    class Meta(Owned.Meta):
        indexes = [
            models.Index(
                fields=["account", "group", "image", "id"], name="finding_of_group"
            ),
            models.Index(
                fields=["account", "image", "category", "rank", "id"],
                name="finding_of_image",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.identifier} {self.package}".strip()
