"""What reconcile found, night by night."""

from django.db import models


class ReconcileRun(models.Model):
    """One proof of the books: how many rows were held against how many claims, and
    which claims do not hold, with rows that break them."""

    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    claims = models.PositiveIntegerField()
    checked = models.PositiveBigIntegerField()
    broken = models.JSONField(default=dict)

    class Meta:
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"Books of {self.started_at:%Y-%m-%d %H:%M} UTC"

    @property
    def holds(self) -> bool:
        """Whether every claim held."""
        return not self.broken
