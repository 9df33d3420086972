"""To whom the invoices of an account are written."""

from django.db import models

from accounts.models.people import Account, User


class BillingDetails(models.Model):
    """Name, address and tax identifier, as the account wants them on its invoices.

    An invoice keeps them as they were when it was made.
    """

    account = models.ForeignKey(
        Account, models.PROTECT, related_name="billing_details", db_index=False
    )
    name = models.CharField(max_length=150)
    address = models.CharField(max_length=500, blank=True)
    tax_id = models.CharField("tax identifier", max_length=40, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "billing details"
        constraints = [
            models.UniqueConstraint("account", "id", name="billing_details_by_account"),
            models.UniqueConstraint("account", name="billing_details_once_per_account"),
        ]

    def __str__(self) -> str:
        return self.name
