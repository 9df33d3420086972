"""Invoices and credit notes: one per order, numbered without a gap, never changed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from procrastinate.contrib.django.models import ProcrastinateJob
from pypdf import PdfReader
from pytest_django import Settings

from accounts.models import Account
from accounts.services import billing
from quota.documents import invoice_pdf
from quota.models import Invoice, InvoiceNumber, InvoiceSeries, Order
from quota.pages.invoices import Paper, papers_of
from quota.quotes import Basket
from quota.rules.taxes import split_tax
from quota.services import invoicing
from tests.factories import account_with, buy, creator_of, renew
from tests.quota.refunds import approve, ask

pytestmark = pytest.mark.django_db


@pytest.fixture
def account(now: datetime) -> Account:
    return account_with(now=now)


def labels() -> list[str]:
    return list(Invoice.objects.order_by("pk").values_list("label", flat=True))


def test_every_order_gets_one_invoice_and_a_second_run_none(
    account: Account, now: datetime
) -> None:
    buy(account, Basket(quantity=300), now)

    made = [invoicing.issue(now=now) for _ in range(2)]

    assert made == [2, 0]
    assert labels() == ["IS-2026-000001", "IS-2026-000002"]
    totals = Invoice.objects.order_by("pk").values_list("total", flat=True)
    assert list(totals) == list(
        Order.objects.order_by("number").values_list("total", flat=True)
    )


def test_every_order_only_leaves_a_job_behind(account: Account, now: datetime) -> None:
    waiting = ProcrastinateJob.objects.filter(
        task_name="quota.tasks.issue_invoices", status="todo"
    )
    bought = waiting.get()
    assert (bought.queueing_lock, bought.lock) == (f"invoices:{account.pk}", "invoices")

    for order in (renew, lambda *_: approve(ask(account, now), now)):
        with connection.cursor() as cursor:
            cursor.execute("UPDATE procrastinate_jobs SET status = 'succeeded'")
        order(account, now)
        assert waiting.get().queueing_lock == bought.queueing_lock

    assert not Invoice.objects.exists()


def test_numbers_begin_anew_each_year_and_sellers_do_not_share_them(
    account: Account, now: datetime, settings: Settings
) -> None:
    invoicing.issue(now=datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC))
    buy(account, Basket(quantity=300), now)
    invoicing.issue(now=datetime(2027, 1, 1, tzinfo=UTC))
    settings.SELLER_CODE = "SG"
    buy(account, Basket(quantity=300), now)
    invoicing.issue(now=datetime(2027, 1, 1, tzinfo=UTC))

    assert labels() == ["IS-2026-000001", "IS-2027-000001", "SG-2027-000001"]


def test_dates_never_run_backwards_in_a_series(account: Account, now: datetime) -> None:
    invoicing.issue(now=now)
    buy(account, Basket(quantity=300), now)

    invoicing.issue(now=now - timedelta(seconds=5))

    issued = Invoice.objects.order_by("pk").values_list("issued_at", flat=True)
    assert list(issued) == [now, now]


def test_an_invoice_keeps_what_was_true_when_it_was_made(
    account: Account, now: datetime, settings: Settings
) -> None:
    settings.SELLER_NAME, settings.SELLER_TAX_ID = "Scan Pte. Ltd.", "GST-1"
    settings.TAX_NAME, settings.TAX_PERCENT = "GST", Decimal(9)
    settings.TAX_NOTE = "Registered in Singapore."
    by = creator_of(account)
    billing.save_details(
        account=account, name="Halden AG", address="Weg 1\nZürich", tax_id="CHE-9",
        by=by, now=now,
    )  # fmt: skip
    invoicing.issue(now=now)
    settings.SELLER_NAME, settings.TAX_PERCENT = "Another", Decimal(0)
    settings.TAX_NOTE = ""
    billing.save_details(
        account=account, name="New", address="", tax_id="", by=by, now=now
    )

    (paper,) = papers_of(Order.objects.get(), account)

    assert Invoice.objects.get().note == "Registered in Singapore."
    assert paper.seller == ["Scan Pte. Ltd.", "Tax ID GST-1"]
    assert paper.buyer == ["Halden AG", "Weg 1", "Zürich", "Tax ID CHE-9"]
    assert list(paper.sums) == [
        ("Net", "$45.41"), ("GST 9%, included", "$4.09"), ("Total, USD", "$49.50"),
    ]  # fmt: skip
    assert [row[-1] for row in paper.rows] == ["$13.50", "$36.00"]
    assert paper.rows[1][2:4] == ["300 × 2", "$0.06"]


def test_a_refund_gets_a_credit_note_for_each_order_it_touches(
    account: Account, now: datetime
) -> None:
    renewal = renew(account, now, months=1)
    first = Order.objects.order_by("number")[0]
    invoicing.issue(now=now)
    approve(ask(account, now), now)

    invoicing.issue(now=now)
    invoicing.issue(now=now)

    notes = Invoice.objects.filter(kind="credit").order_by("pk")
    assert [note.label for note in notes] == ["IS-CN-2026-000001", "IS-CN-2026-000002"]
    assert {note.credited_id for note in notes} == {first.pk, renewal.pk}
    refund = Order.objects.get(kind="refund")
    assert sum(note.total for note in notes) == refund.total
    credits_ = [dict(paper.facts)["Credits"] for paper in papers_of(refund, account)]
    assert credits_ == [
        f"IS-2026-000001, order {first.label}",
        f"IS-2026-000002, order {renewal.label}",
    ]


def test_the_register_has_every_number_once_with_its_paper(
    account: Account, now: datetime
) -> None:
    for _ in range(4):
        buy(account, Basket(quantity=300), now)
    invoicing.issue(now=now)

    numbers = InvoiceNumber.objects.order_by("number")
    assert [row.number for row in numbers] == [1, 2, 3, 4, 5]
    assert [row.invoice.label for row in numbers] == labels()
    assert InvoiceSeries.objects.get(kind="invoice").last == 5


def paper(**changes: object) -> Paper:
    parts: dict[str, object] = {
        "title": "Invoice",
        "number": "IS-2026-000001",
        "facts": [("Issued", "25 Nov 2026")],
        "seller": ["Łódź & Söhne <AG>", "Ñuñoa, Ελλάδα, Україна, 東京"],
        "buyer": ["Halden Pay"],
        "columns": ("What", "Period", "Quantity", "Unit price", "Amount"),
        "rows": [["Scans", "a to b", "300 × 2", "$0.06", "$36.00"]],
        "sums": [("Total", "$36.00")],
        "notes": ["Paid."],
    }
    return Paper(**{**parts, **changes})  # type: ignore[arg-type]


def text_of(pdf: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(BytesIO(pdf)).pages]


def test_a_pdf_shows_accents_and_embeds_its_font() -> None:
    pdf = invoice_pdf.draw([paper()])

    (page,) = text_of(pdf)
    for words in ("Łódź & Söhne <AG>", "Ñuñoa, Ελλάδα, Україна", "300 × 2", "Page 1"):
        assert words in page
    assert b"/FontFile2" in pdf
    assert pdf == invoice_pdf.draw([paper()])


def test_sixty_lines_and_more_break_pages_and_repeat_the_head() -> None:
    rows = [[f"Line {n}", "a to b", "1", "$1.00", "$1.00"] for n in range(1, 131)]

    pages = text_of(invoice_pdf.draw([paper(rows=rows)]))

    assert len(pages) > 2
    assert all("Unit price" in page for page in pages[:-1])
    joined = "\n".join(pages)
    assert all(f"Line {n}\n" in joined for n in range(1, 131))


def test_text_of_any_length_stays_on_the_paper() -> None:
    endless = "W" * 5_000

    pages = text_of(
        invoice_pdf.draw(
            [
                paper(
                    seller=[endless] * 40,
                    buyer=[endless] * 40,
                    rows=[[endless] * 5] * 3,
                    notes=[endless],
                )
            ]
        )
    )

    assert 1 <= len(pages) <= 6


def test_each_paper_of_a_refund_begins_a_page() -> None:
    pages = text_of(invoice_pdf.draw([paper(number="CN-1"), paper(number="CN-2")]))

    assert ["CN-1" in pages[0], "CN-2" in pages[1]] == [True, True]


@given(
    st.integers(1, 10**12).map(lambda cents: Decimal(cents) / 100),
    st.integers(0, 3_000).map(lambda tenths: Decimal(tenths) / 10),
)
def test_net_and_tax_are_always_the_total(total: Decimal, percent: Decimal) -> None:
    net, tax = split_tax(total, percent)

    assert net + tax == total
    assert tax >= 0
    assert abs(net * percent / 100 - tax) <= Decimal("0.005") * (1 + percent / 100)
