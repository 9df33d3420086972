"""The rows of what is paid for. One file per idea."""

from quota.models.advisories import Advisory
from quota.models.findings import FindingGroup, Triage, TriageState
from quota.models.images import Finding, Image, ImageSource, Sighting
from quota.models.invoices import Invoice, InvoiceNumber, InvoiceSeries
from quota.models.orders import Order, OrderLine
from quota.models.proofs import ReconcileRun
from quota.models.refunds import RefundEvent, RefundRequest
from quota.models.registries import Registry, RegistrySync
from quota.models.scans import Scan, ScanTask
from quota.models.schedules import Schedule, ScheduledRun
from quota.models.screening import FindingFilter
from quota.models.selection import ImageFilter, Kind, Scope, Selection
from quota.models.statements import StatementSeal
from quota.models.subscriptions import QuotaPack, Subscription, Term
from quota.models.switches import AutoRenewSwitch
from quota.models.tariffs import Tariff
from quota.models.usage import LedgerBatch, NameUsage, UsageBin
from quota.models.windows import LedgerEntry, QuotaWindow, ScanReason

__all__ = [
    "Advisory",
    "AutoRenewSwitch",
    "Finding",
    "FindingFilter",
    "FindingGroup",
    "Image",
    "ImageFilter",
    "ImageSource",
    "Invoice",
    "InvoiceNumber",
    "InvoiceSeries",
    "Kind",
    "LedgerBatch",
    "LedgerEntry",
    "NameUsage",
    "Order",
    "OrderLine",
    "QuotaPack",
    "QuotaWindow",
    "ReconcileRun",
    "RefundEvent",
    "RefundRequest",
    "Registry",
    "RegistrySync",
    "Scan",
    "ScanReason",
    "ScanTask",
    "Schedule",
    "ScheduledRun",
    "Scope",
    "Selection",
    "Sighting",
    "StatementSeal",
    "Subscription",
    "Tariff",
    "Term",
    "Triage",
    "TriageState",
    "UsageBin",
]
