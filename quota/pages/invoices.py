"""Invoices and credit notes in words, for the print page and the PDF alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from accounts.models import Account
from accounts.money import format_money, format_unit_price
from quota.models import Invoice, Order

COLUMNS = ("What", "Period", "Quantity", "Unit price", "Amount")


@dataclass(frozen=True, slots=True)
class Paper:
    """One document, as strings: nothing is computed from here on."""

    title: str
    number: str
    facts: Sequence[tuple[str, str]]
    seller: Sequence[str]
    buyer: Sequence[str]
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    sums: Sequence[tuple[str, str]]
    notes: Sequence[str]

    @property
    def labelled(self) -> Sequence[Sequence[tuple[str, str]]]:
        """The rows with the name of its column at each cell, for narrow screens."""
        return [list(zip(self.columns, row, strict=True)) for row in self.rows]


def papers_of(order: Order, account: Account) -> Sequence[Paper]:
    """The documents of an order: its invoice, or a refund's credit notes; none until
    the job has numbered them."""
    found = Invoice.objects.filter(account=account, order=order)
    touched = list(found.select_related("order", "credited").order_by("pk"))
    originals = Invoice.objects.filter(
        account=account,
        kind=Invoice.Kind.INVOICE,
        order__in=[each.credited_id for each in touched if each.credited_id],
    )
    numbers = dict(originals.values_list("order", "label"))
    return [_paper(each, numbers.get(each.credited_id or 0, "")) for each in touched]


def _paper(invoice: Invoice, original: str) -> Paper:
    currency = invoice.currency
    is_credit = invoice.kind == Invoice.Kind.CREDIT_NOTE
    return Paper(
        title=invoice.get_kind_display(),
        number=invoice.label,
        facts=_facts(invoice, original),
        seller=_party(invoice.seller),
        buyer=_party(invoice.buyer),
        columns=COLUMNS,
        rows=[_row(line, invoice) for line in invoice.lines],
        sums=[
            ("Net", format_money(invoice.net, currency)),
            (f"{invoice.tax_words}, included", format_money(invoice.tax, currency)),
            (
                f"Total credited, {currency}" if is_credit else f"Total, {currency}",
                format_money(invoice.total, currency),
            ),
        ],
        notes=[
            "Added to the prepaid balance."
            if is_credit
            else "Paid from the prepaid balance. Nothing is due.",
            *([invoice.note] if invoice.note else []),
        ],
    )


def _facts(invoice: Invoice, original: str) -> Sequence[tuple[str, str]]:
    facts = [
        ("Issued", _day(invoice.issued_at)),
        ("Order", f"{invoice.order.label}, {_day(invoice.order.created_at)}"),
    ]
    if invoice.credited:
        credited = f"order {invoice.credited.label}"
        facts.append(("Credits", f"{original}, {credited}" if original else credited))
    return facts


def _day(instant: datetime) -> str:
    day = instant.astimezone(UTC)
    return f"{day.day} {day:%b %Y}"


def _party(party: dict[str, Any]) -> Sequence[str]:
    tax = [f"Tax ID {party['tax_id']}"] if party["tax_id"] else []
    return [party["name"], *party["address"], *tax]


def _row(line: dict[str, Any], invoice: Invoice) -> Sequence[str]:
    currency = invoice.currency
    amount = format_money(Decimal(line["amount"]), currency)
    if invoice.kind == Invoice.Kind.CREDIT_NOTE:
        return [
            f"{line['what']}: {line['formula']}",
            line["period"],
            "1",
            amount,
            amount,
        ]
    return [
        f"{line['what']}: {line['formula'].partition(' = ')[0]}",
        line["period"],
        f"{line['quantity']:,} × {line['periods']}",
        format_unit_price(Decimal(line["unit_price"]), currency),
        amount,
    ]
