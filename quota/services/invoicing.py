"""Making invoices and credit notes: numbered without gaps, by one job, after the order.

A purchase never waits for a number. The job takes the lock of a series, numbers what
has no invoice yet in the order it was paid, and commits; killed before that, it has
given no number at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby

from django.conf import settings
from django.db import transaction

from accounts.models import Account, BillingDetails
from quota.models import Order, OrderLine
from quota.models.invoices import Invoice, InvoiceNumber, InvoiceSeries
from quota.rules.taxes import split_tax

BATCH = 100
MARKS = {Invoice.Kind.INVOICE: "", Invoice.Kind.CREDIT_NOTE: "CN-"}


def issue(*, now: datetime) -> int:
    """Make every invoice and credit note that is owed. A second run, at once or later,
    finds nothing left; one that dies leaves no gap and no double."""
    made = 0
    while batch := _issue_batch(now):
        made += batch
    return made


@transaction.atomic
def _issue_batch(now: datetime) -> int:
    series = _locked_series(now)
    orders = Order.objects.filter(invoiced_at=None).order_by("created_at", "pk")
    # A job on the other side of New Year holds another series, and waits here.
    free = orders.select_for_update(of=("self",), no_key=True)
    batch = list(free.select_related("account")[:BATCH])
    for order in batch:
        _invoice(order, series, now)
    Order.objects.filter(pk__in=[order.pk for order in batch]).update(invoiced_at=now)
    return len(batch)


def _locked_series(now: datetime) -> Mapping[str, InvoiceSeries]:
    """This year's series, locked; whoever numbers waits here for the one before."""
    year = now.astimezone(UTC).year
    wanted = {"seller": settings.SELLER_CODE, "year": year}
    InvoiceSeries.objects.bulk_create(
        [InvoiceSeries(kind=kind, **wanted) for kind in Invoice.Kind],
        ignore_conflicts=True,
    )
    rows = InvoiceSeries.objects.filter(**wanted).order_by("pk").select_for_update()
    return {row.kind: row for row in rows}


def _invoice(order: Order, series: Mapping[str, InvoiceSeries], now: datetime) -> None:
    lines = OrderLine.objects.filter(account=order.account_id, order=order)
    found = list(lines.select_related("credited").order_by("credited", "position"))
    if order.kind != Order.Kind.REFUND:
        _make(series[Invoice.Kind.INVOICE], order, None, found, now)
        return
    for _, touched in groupby(found, key=lambda line: line.credited_id):
        of_one = list(touched)
        credited = of_one[0].credited
        _make(series[Invoice.Kind.CREDIT_NOTE], order, credited, of_one, now)


def _make(
    series: InvoiceSeries,
    order: Order,
    credited: Order | None,
    lines: Sequence[OrderLine],
    now: datetime,
) -> None:
    """Write one document and its number. Dates never run backwards in a series."""
    account = order.account
    number = series.last + 1
    issued_at = max(now, series.issued_at or now)
    total = sum((line.amount for line in lines), Decimal(0))
    net, tax = split_tax(total, settings.TAX_PERCENT)
    invoice = Invoice.objects.create(
        account=account,
        kind=series.kind,
        label=_label(series, number),
        order=order,
        credited=credited,
        currency=order.currency,
        net=net,
        tax=tax,
        total=total,
        tax_words=f"{settings.TAX_NAME} {settings.TAX_PERCENT.normalize():f}%",
        note=settings.TAX_NOTE,
        seller=_seller(),
        buyer=_buyer(account),
        lines=[_line(line, account) for line in lines],
        issued_at=issued_at,
    )
    InvoiceNumber.objects.create(
        series=series,
        number=number,
        previous=number - 1 or None,
        account=account,
        invoice=invoice,
    )
    series.last, series.issued_at = number, issued_at
    series.save(update_fields=["last", "issued_at"])


def _label(series: InvoiceSeries, number: int) -> str:
    mark = MARKS[Invoice.Kind(series.kind)]
    return f"{series.seller}-{mark}{series.year}-{number:06}"


def _seller() -> dict[str, object]:
    return {
        "name": settings.SELLER_NAME,
        "address": list(settings.SELLER_ADDRESS),
        "tax_id": settings.SELLER_TAX_ID,
    }


def _buyer(account: Account) -> dict[str, object]:
    details = BillingDetails.objects.filter(account=account).first()
    return {
        "name": details.name if details else account.name,
        "address": details.address.splitlines() if details else [],
        "tax_id": details.tax_id if details else "",
    }


def _line(line: OrderLine, account: Account) -> dict[str, object]:
    """A line as it will be printed for ever, its dates in the account's zone."""
    return {
        "what": line.get_kind_display(),
        "period": " to ".join(_days((line.starts_at, line.ends_at), account)),
        "quantity": line.quantity,
        "periods": line.periods,
        "unit_price": f"{line.unit_price.normalize():f}",
        "amount": str(line.amount),
        "formula": line.formula,
    }


def _days(instants: Iterable[datetime], account: Account) -> list[str]:
    local = (instant.astimezone(account.zone_info) for instant in instants)
    return [f"{each.day} {each:%b %Y}" for each in local]
