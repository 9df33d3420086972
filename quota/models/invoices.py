"""Invoices and credit notes, and the seller's register of their numbers."""

from django.db import models
from django.db.models import F, Q

from accounts.fields import MoneyField
from accounts.models import Account
from quota.models.orders import Order
from quota.models.owned import Owned, OwnedKey


class Invoice(Owned):
    """An invoice for an order, or a credit note for what a refund gives back of one.

    Written once, with everything it says: seller, buyer, lines and tax as they were.
    ``credited`` is the order that a credit note speaks of.
    """

    class Kind(models.TextChoices):
        INVOICE = "invoice", "Invoice"
        CREDIT_NOTE = "credit", "Credit note"

    kind = models.CharField(max_length=7, choices=Kind)
    label = models.CharField(max_length=40)
    order = OwnedKey(Order, models.PROTECT, related_name="invoices")
    credited = OwnedKey(
        Order, models.PROTECT, null=True, blank=True, related_name="credit_notes"
    )
    currency = models.CharField(max_length=3)
    net = MoneyField()
    tax = MoneyField()
    total = MoneyField()
    tax_words = models.CharField(max_length=80)
    note = models.CharField(max_length=300, blank=True)
    seller = models.JSONField()
    buyer = models.JSONField()
    lines = models.JSONField()
    issued_at = models.DateTimeField()

    class Meta(Owned.Meta):
        constraints = [
            *Owned.Meta.constraints,
            models.UniqueConstraint(
                "account",
                "order",
                condition=Q(kind="invoice"),
                name="invoice_once_per_order",
            ),
            models.UniqueConstraint(
                "account",
                "order",
                "credited",
                condition=Q(kind="credit"),
                name="credit_note_once_per_order_touched",
            ),
            models.CheckConstraint(
                name="invoice_credit_note_names_the_order",
                condition=Q(kind="invoice", credited=None)
                | Q(kind="credit", credited__isnull=False),
            ),
            models.CheckConstraint(
                name="invoice_total_is_net_and_tax",
                condition=Q(total=F("net") + F("tax"), total__gt=0, tax__gte=0),
            ),
        ]
        indexes = [
            models.Index(fields=["account", "credited"], name="credit_note_of_order")
        ]

    def __str__(self) -> str:
        return self.label


class InvoiceSeries(models.Model):
    """One run of numbers: a seller's invoices, or credit notes, of one year.

    Its row is the lock that whoever numbers takes; ``last`` is the latest number.
    """

    seller = models.CharField(max_length=12)
    kind = models.CharField(max_length=7, choices=Invoice.Kind)
    year = models.PositiveSmallIntegerField()
    last = models.PositiveIntegerField(default=0)
    issued_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "invoice series"
        constraints = [
            models.UniqueConstraint(
                "seller", "kind", "year", name="invoice_series_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.seller} {self.kind} {self.year}"


class InvoiceNumber(models.Model):
    """One number given, for good: the register of a series.

    ``previous`` must exist in the same series (a key in the database), so a number
    cannot be given before all smaller ones: there is never a gap.
    """

    series = models.ForeignKey(InvoiceSeries, models.PROTECT, related_name="numbers")
    number = models.PositiveIntegerField()
    previous = models.PositiveIntegerField(null=True, blank=True)
    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    invoice = OwnedKey(Invoice, models.PROTECT)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "series", "number", name="invoice_number_given_once"
            ),
            models.UniqueConstraint(
                "account", "invoice", name="invoice_number_one_per_invoice"
            ),
            models.CheckConstraint(
                name="invoice_number_follows_the_previous",
                condition=Q(number=1, previous=None)
                | Q(number__gt=1, previous__isnull=False, previous=F("number") - 1),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.series} {self.number}"
