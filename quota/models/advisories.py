"""Known vulnerabilities: which versions of which package they affect."""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Advisory(models.Model):
    """One affected range of one package, half-open: introduced ≤ version < fixed.

    The same for all accounts. ``introduced`` empty means from the beginning; ``fixed``
    empty means not fixed yet, unless ``last_affected`` says where it ends. ``versions``
    lists single affected versions where the source names no range.
    """

    class Origin(models.TextChoices):
        STARTER = "starter", "Starter set"
        OSV = "osv", "OSV export"

    origin = models.CharField(max_length=7, choices=Origin)
    ecosystem = models.CharField(max_length=40)
    package = models.CharField(max_length=200)
    advisory = models.CharField(max_length=64)
    identifier = models.CharField(max_length=64)
    introduced = models.CharField(max_length=100, blank=True)
    fixed = models.CharField(max_length=100, blank=True)
    last_affected = models.CharField(max_length=100, blank=True)
    versions = ArrayField(models.CharField(max_length=100), default=list)
    severity = models.CharField(max_length=8)
    summary = models.CharField(max_length=500, blank=True)
    source = models.CharField(max_length=200)
    modified_on = models.DateField()

    class Meta:
        verbose_name_plural = "advisories"
        constraints = [
            models.UniqueConstraint(
                "ecosystem",
                "package",
                "advisory",
                "introduced",
                "fixed",
                "last_affected",
                name="advisory_range_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.identifier} in {self.package}"
