"""The pages of an account, under ``/a/<account>/``."""

from django.urls import path, register_converter

from quota.models import Kind
from quota.views import (
    asking,
    balance,
    breakdown,
    findings,
    helping,
    images,
    orders,
    overview,
    purchase,
    refunds,
    registries,
    scan,
    schedule,
    statement,
    subscription,
    tasks,
    topup,
    usage,
)


class KindConverter:
    """``local`` or ``repository``; any other word is no page (404)."""

    regex = "|".join(Kind)

    def to_python(self, value: str) -> Kind:
        """The kind a path names."""
        return Kind(value)

    def to_url(self, value: str) -> str:
        """The word in the path."""
        return Kind(value).value


class DigestConverter:
    """An image ID such as ``sha256:…``; nothing else is looked for."""

    regex = "[a-z0-9+._-]+:[A-Za-z0-9=_-]+"

    def to_python(self, value: str) -> str:
        """The ID as it stands."""
        return value

    def to_url(self, value: str) -> str:
        """The ID as it stands."""
        return value


register_converter(KindConverter, "kind")
register_converter(DigestConverter, "digest")

app_name = "quota"
urlpatterns = [
    path("", overview.front, name="front"),
    path("images/<kind:kind>", images.images, name="images"),
    path("images/local/update", images.update, name="update-images"),
    path("images/<kind:kind>/selection", images.selection, name="selection"),
    path("images/<kind:kind>/scan", scan.scan_now, name="scan-now"),
    path("images/<kind:kind>/scan/estimate", scan.estimate, name="scan-estimate"),
    path("images/<kind:kind>/scan/ask", asking.for_scan, name="ask-for-scan"),
    path("ask-for-quota", asking.for_month, name="ask-for-quota"),
    path("images/<kind:kind>/schedule", schedule.schedule, name="schedule"),
    path(
        "images/<kind:kind>/schedule/estimate",
        schedule.estimate,
        name="schedule-estimate",
    ),
    path("images/<kind:kind>/schedule/undo", schedule.undo, name="schedule-undo"),
    path("images/<kind:kind>/<digest:digest>", images.image, name="image"),
    path("registries", registries.registries, name="registries"),
    path("registries/connect", registries.connect, name="connect-registry"),
    path("registries/notes", registries.notes, name="registry-notes"),
    path("registries/sync", registries.sync, name="sync-registries"),
    path("registries/<int:registry>", registries.change, name="registry"),
    path("registries/<int:registry>/check", registries.check, name="check-registry"),
    path("registries/<int:registry>/remove", registries.remove, name="remove-registry"),
    path("findings", findings.findings, name="findings"),
    path("findings/export.csv", findings.export_csv, name="findings-csv"),
    path("findings/export.json", findings.export_json, name="findings-json"),
    path("findings/<int:group>", findings.finding, name="finding"),
    path("findings/<int:group>/triage", findings.triage, name="triage"),
    path("tasks", tasks.tasks, name="tasks"),
    path("tasks/<int:task>", tasks.task, name="task"),
    path("tasks/<int:task>/stop", tasks.stop, name="stop-task"),
    path("tasks/<int:task>/undo", tasks.undo, name="undo-task"),
    path("subscription", subscription.subscription, name="subscription"),
    path("subscription/renew", subscription.renew, name="renew"),
    path("subscription/renew/quote", subscription.renew_quote, name="renew-quote"),
    path("subscription/auto-renew", subscription.auto_renew, name="auto-renew"),
    path("subscription/purchase", purchase.purchase, name="purchase"),
    path("subscription/purchase/quote", purchase.quote, name="purchase-quote"),
    path("help", helping.of_account, name="account-help"),
    path("usage", usage.usage, name="usage"),
    path("usage.csv", usage.usage_csv, name="usage-csv"),
    path("usage/breakdown", breakdown.breakdown, name="breakdown"),
    path("usage/breakdown.csv", breakdown.breakdown_file, name="breakdown-csv"),
    path("usage/statements", statement.every, name="statements"),
    path("usage/statements/<int:window>", statement.statement, name="statement"),
    path(
        "usage/statements/<int:window>.pdf",
        statement.statement_pdf,
        name="statement-pdf",
    ),
    path(
        "usage/statements/<int:window>.json",
        statement.statement_json,
        name="statement-json",
    ),
    path("usage/entries/<int:entry>", usage.entry, name="entry"),
    path("usage/batches/<int:batch>", usage.batch, name="batch"),
    path("balance", balance.balance, name="balance"),
    path("balance.csv", balance.balance_csv, name="balance-csv"),
    path("balance/top-up", topup.top_up, name="top-up"),
    path("balance/top-up/<int:number>", topup.top_up_state, name="top-up-state"),
    path("orders", orders.orders, name="orders"),
    path("orders/<int:number>", orders.order, name="order"),
    path("orders/<int:number>/invoice", orders.invoice, name="invoice"),
    path("orders/<int:number>/invoice.pdf", orders.invoice_file, name="invoice-file"),
    path("billing-details", orders.billing_details, name="billing-details"),
    path("orders/<int:number>/refund", refunds.ask, name="refund-order"),
    path("refunds/<int:refund>", refunds.refund, name="refund"),
    path("refunds/<int:refund>/withdraw", refunds.withdraw, name="withdraw-refund"),
]
