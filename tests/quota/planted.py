"""What could be wrong with the books: for each claim, SQL that makes it false."""

# ruff: noqa: S608 -- put together from words of this file


def _each(template: str, columns: str) -> tuple[str, ...]:
    return tuple(template.replace("COLUMN", column) for column in columns.split())


def _copy(table: str, changes: str, where: str) -> str:
    """Insert a row once more, changed."""
    return (
        f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(t,"
        f" '{{\"id\": 987654, {changes}}}')).* FROM {table} t WHERE id ="
        f" (SELECT max(id) FROM {table} WHERE {where})"
    )


WINDOW = "(SELECT min(id) FROM quota_quotawindow WHERE lapsed_at IS NULL)"
SETTLED = "(SELECT min(id) FROM quota_scan WHERE state = 'settled')"
FAILED = "(SELECT min(id) FROM quota_scan WHERE state = 'released')"
QUEUED = "(SELECT min(id) FROM quota_scan WHERE state = 'queued')"
CHARGE = f"kind = 'settle' AND scan = {SETTLED}"
SHOWN = "(SELECT min(id) FROM quota_image WHERE result IS NOT NULL)"
FAULTS: dict[str, tuple[str, ...]] = {
    "window counters equal the ledger": _each(
        f"UPDATE quota_quotawindow SET COLUMN = COLUMN + 1 WHERE id = {WINDOW}",
        "granted_tenths used_tenths held_tenths lapsed_tenths revoked_tenths",
    ),
    "each entry states the free quota after it": (
        "UPDATE quota_ledgerentry SET free_after_tenths = free_after_tenths + 1"
        " WHERE id = (SELECT max(id) FROM quota_ledgerentry)",
    ),
    "open holds belong to scans in flight, and cover their cost": (
        f"UPDATE quota_scan SET cost_tenths = cost_tenths + 1 WHERE id = {QUEUED}",
        f"DELETE FROM quota_scan WHERE id = {QUEUED}",
        f"DELETE FROM quota_ledgerentry WHERE scan = {QUEUED}",
        f"DELETE FROM quota_ledgerentry WHERE {CHARGE}",
    ),
    "every charge has its recorded outcome, and every outcome its charge": (
        f"DELETE FROM quota_ledgerentry WHERE {CHARGE}",
        f"UPDATE quota_scan SET cost_tenths = cost_tenths + 1 WHERE id = {SETTLED}",
        f"UPDATE quota_ledgerentry SET outcome = 'failed' WHERE {CHARGE}",
        f"UPDATE quota_ledgerentry SET image_digest = 'sha256:0' WHERE {CHARGE}",
        f"UPDATE quota_ledgerentry SET kind = 'release' WHERE {CHARGE}",
        f"UPDATE quota_ledgerentry SET outcome = 'failed' WHERE {CHARGE};"
        f"UPDATE quota_scan SET outcome = 'failed' WHERE id = {SETTLED}",
        _copy(
            "quota_ledgerentry",
            '"kind": "settle", "tenths": 0',
            f"kind = 'release' AND scan = {FAILED}",
        ),
    ),
    "every shown result was charged": (
        f"UPDATE quota_image SET result = 987654 WHERE id = {SHOWN}",
        f"UPDATE quota_image SET digest = 'sha256:0' WHERE id = {SHOWN}",
        f"UPDATE quota_ledgerentry SET kind = 'release' WHERE kind = 'settle' AND"
        f" scan = (SELECT result FROM quota_image WHERE id = {SHOWN})",
    ),
    "scans counted on an image are its settled scans, the first one first": _each(
        f"UPDATE quota_image SET COLUMN = COLUMN + 1 WHERE id = {SHOWN}",
        "first_scans repeat_scans",
    ),
    "figures kept on a task are those of its scans": _each(
        "UPDATE quota_scantask SET COLUMN = COLUMN + 1"
        " WHERE id = (SELECT max(id) FROM quota_scantask)",
        "images settled released failed used_tenths returned_tenths critical high"
        " trojans sensitive",
    ),
    "every finding belongs to a settled scan of its image": (
        "UPDATE quota_finding SET scan = 987654",
        "UPDATE quota_finding SET image_id = 987654",
        "UPDATE quota_scan SET state = 'released'"
        " WHERE id = (SELECT min(scan) FROM quota_finding)",
    ),
    "balances less debts equal the sum of their entries": (
        *_each("UPDATE accounts_account SET COLUMN = COLUMN + 0.01", "balance debt"),
        "DELETE FROM accounts_balanceentry",
    ),
    "each movement states the balance and the debt after it": _each(
        "UPDATE accounts_balanceentry SET COLUMN = COLUMN + 0.01"
        " WHERE id = (SELECT max(id) FROM accounts_balanceentry)",
        "balance_after debt_after amount",
    ),
    "every order was paid once, to the cent, and is the sum of its lines": (
        "UPDATE quota_order SET total = total + 0.01 WHERE kind = 'purchase'",
        "UPDATE quota_order SET total = total + 0.01 WHERE kind = 'renewal'",
        "DELETE FROM accounts_balanceentry WHERE reference LIKE 'order:%'",
        "DELETE FROM quota_orderline WHERE id = (SELECT min(id) FROM quota_orderline)",
    ),
    "windows of a pack tile from its anchor to the end, each granted whole": (
        "DELETE FROM quota_quotawindow",
        "UPDATE quota_quotawindow SET starts_at = starts_at + interval '1 s'"
        " WHERE number = 0",
        "UPDATE quota_quotawindow SET starts_at = starts_at + interval '1 s'"
        " WHERE number = 1",
        f"UPDATE quota_quotawindow SET granted_tenths = 0 WHERE id = {WINDOW}",
        "UPDATE quota_quotawindow SET number = number + 1 WHERE number > 0",
        "UPDATE quota_subscription SET ends_at = ends_at + interval '1 s'",
    ),
    "every quota granted was charged, window by window, and no other": (
        "DELETE FROM quota_quotawindow",
        "DELETE FROM quota_orderline",
        "UPDATE quota_orderline SET quantity = quantity + 1 WHERE kind = 'pack'",
        "UPDATE quota_orderline SET quantity = quantity / 2, periods = periods * 2"
        " WHERE kind = 'pack'",
        f"UPDATE quota_quotawindow SET granted_tenths = granted_tenths + 1"
        f" WHERE id = {WINDOW}",
    ),
    "terms tile from the anchor to the end, each paid by an order of its own": (
        "DELETE FROM quota_term",
        "UPDATE quota_subscription SET anchor = anchor + interval '1 s'",
        "UPDATE quota_term SET starts_at = starts_at + interval '1 s'"
        " WHERE number > 1;"
        " UPDATE quota_orderline l SET starts_at = t.starts_at FROM quota_term t"
        " WHERE t.order_id = l.order_id AND l.kind = 'edition'",
        *_each(
            "UPDATE quota_term SET COLUMN = COLUMN + 1"
            " WHERE id = (SELECT min(id) FROM quota_term)",
            "cores months number order_id",
        ),
        *_each(
            "UPDATE quota_orderline SET COLUMN = COLUMN + interval '1 s'"
            " WHERE id = (SELECT min(id) FROM quota_orderline WHERE kind = 'edition')",
            "starts_at ends_at",
        ),
        "UPDATE quota_orderline SET kind = 'pack'"
        " WHERE id = (SELECT min(id) FROM quota_orderline WHERE kind = 'edition')",
        "UPDATE quota_subscription SET ends_at = ends_at + interval '1 s'",
    ),
    "what lapsed was booked once, and nothing lapsed is still free": (
        "UPDATE quota_quotawindow SET granted_tenths = granted_tenths + 1"
        " WHERE lapsed_at IS NOT NULL",
        "DELETE FROM quota_ledgerentry WHERE kind = 'lapse'",
        _copy("quota_ledgerentry", '"tenths": 0', "kind = 'lapse'"),
        "UPDATE quota_ledgerentry SET scan = 1 WHERE kind = 'lapse'",
    ),
    "every refund was credited once, to the cent, as one request approved": (
        "UPDATE quota_order SET total = total + 0.01 WHERE kind = 'refund'",
        "UPDATE accounts_balanceentry SET kind = 'top_up' WHERE kind = 'refund'",
        "UPDATE accounts_balanceentry SET amount = amount + 0.01 WHERE kind = 'refund'",
        "UPDATE quota_orderline SET amount = amount + 0.01"
        " WHERE credited_id IS NOT NULL",
        "UPDATE quota_orderline SET credited_id = NULL"
        " WHERE id = (SELECT max(id) FROM quota_orderline"
        " WHERE credited_id IS NOT NULL)",
        "UPDATE quota_refundrequest SET amount = amount - 0.01"
        " WHERE state = 'approved'",
        "UPDATE quota_refundrequest SET state = 'closing' WHERE state = 'approved'",
    ),
    "no order was refunded more than it took for the thing": (
        "UPDATE quota_orderline SET amount = 9999 WHERE credited_id IS NOT NULL",
        "UPDATE quota_orderline SET pack_id = 987654 WHERE credited_id IS NOT NULL",
        "UPDATE quota_orderline SET kind = 'other' WHERE credited_id IS NOT NULL",
        "UPDATE quota_orderline SET credited_id = 987654 WHERE credited_id IS NOT NULL",
    ),
    "a refunded pack is closed and nothing of it can be held; of no other is taken": (
        "UPDATE quota_quotapack SET closed_at = NULL WHERE closed_at IS NOT NULL",
        "UPDATE quota_quotapack SET closed_at = now() WHERE closed_at IS NULL",
        "UPDATE quota_quotawindow SET revoked_tenths = 1 WHERE revoked_tenths = 0",
        "UPDATE quota_quotawindow SET held_tenths = 1 WHERE revoked_tenths > 0",
        "UPDATE quota_quotawindow SET revoked_tenths = revoked_tenths - 1"
        " WHERE revoked_tenths > 0",
        "UPDATE quota_refundrequest SET state = 'rejected' WHERE state = 'approved'",
    ),
    "a pack is frozen exactly while an approved refund is carried out or was": (
        "UPDATE quota_quotapack SET frozen_at = now() WHERE frozen_at IS NULL",
        "UPDATE quota_quotapack SET frozen_at = NULL WHERE frozen_at IS NOT NULL",
        "UPDATE quota_refundrequest SET state = 'closing' WHERE state = 'requested'",
        "UPDATE quota_refundrequest SET state = 'awaiting_second'"
        " WHERE state = 'requested'",
    ),
    "a month is shut exactly where its pack is frozen or it outlives a refund": (
        "UPDATE quota_quotawindow SET shut_at = now() WHERE shut_at IS NULL",
        "UPDATE quota_quotawindow SET shut_at = NULL WHERE shut_at IS NOT NULL",
        "UPDATE quota_quotapack SET frozen_at = now() WHERE frozen_at IS NULL",
        "UPDATE quota_subscription SET refunded_at = now(),"
        " ends_at = ends_at - interval '1 s' WHERE refunded_at IS NULL",
    ),
    "Professional Edition is marked refunded exactly when a request was approved": (
        "UPDATE quota_subscription SET refunded_at = now() WHERE refunded_at IS NULL",
        "UPDATE quota_subscription SET refunded_at = NULL",
        "UPDATE quota_refundrequest SET state = 'rejected' WHERE state = 'approved'",
    ),
    "the history of every request ends where the request stands": (
        "UPDATE quota_refundrequest SET state = 'withdrawn' WHERE state = 'approved'",
        "DELETE FROM quota_refundevent",
        "DELETE FROM quota_refundevent WHERE act = 'paid'",
    ),
    "the roll-up of usage equals the ledger": (
        *_each(
            "UPDATE quota_usagebin SET COLUMN = COLUMN + 1"
            " WHERE id = (SELECT max(id) FROM quota_usagebin)",
            "tenths entries window_id",
        ),
        "DELETE FROM quota_usagebin",
        "DELETE FROM quota_ledgerentry WHERE kind = 'lapse'",
    ),
    "the batches of the ledger are its entries": (
        *_each(
            "UPDATE quota_ledgerbatch SET COLUMN = COLUMN + 1"
            " WHERE id = (SELECT max(id) FROM quota_ledgerbatch)",
            "tenths entries first_entry last_entry window_id",
        ),
        "UPDATE quota_ledgerbatch SET task = 987654 WHERE kind = 'hold'",
        "UPDATE quota_ledgerbatch SET kind = 'lapse' WHERE kind = 'revoke'",
        "UPDATE quota_ledgerbatch SET reason = 'repeat' WHERE reason = 'first'",
        "DELETE FROM quota_ledgerbatch",
        "DELETE FROM quota_ledgerentry WHERE kind = 'lapse'",
    ),
    "what names were used for adds up to the ledger": _each(
        "UPDATE quota_nameusage SET COLUMN = COLUMN + 1"
        " WHERE id = (SELECT max(id) FROM quota_nameusage)",
        "tenths scans",
    ),
    "images counted on a finding are those seen now that have it": (
        *_each(
            "UPDATE quota_findinggroup SET COLUMN = COLUMN + 1", "images open_images"
        ),
        "DELETE FROM quota_finding",
        "UPDATE quota_image SET is_local = false, is_repository = false",
        "UPDATE quota_finding SET state = 'accepted'",
    ),
    "a finding stands as the newest decision that covers its image says": (
        "UPDATE quota_finding SET state = 'accepted'",
        "DELETE FROM quota_triage",
        "UPDATE quota_triage SET image_id = 987654",
        "UPDATE quota_triage SET group_id = 987654",
        _copy("quota_triage", '"state": "accepted"', "true"),
    ),
    "every account has exactly one creator": (
        "UPDATE accounts_member SET is_creator = false",
        "UPDATE accounts_member SET is_creator = true",
    ),
    "every paid top-up is one movement of its amount, and what was taken back"
    " of it as many as it counts": (
        "UPDATE accounts_topup SET amount = amount + 0.01 WHERE method = 'stripe'",
        "UPDATE accounts_topup SET reversed_amount = 0 WHERE method = 'stripe'",
        "UPDATE accounts_topup SET state = 'open' WHERE method = 'stripe'",
        "UPDATE accounts_topup SET method = 'stripe', state = 'paid'"
        " WHERE method = 'bank'",
        "DELETE FROM accounts_balanceentry WHERE reference LIKE 'top-up:%'",
        _copy(
            "accounts_balanceentry",
            '"amount": 0',
            "kind = 'top_up' AND reference LIKE 'top-up:%'",
        ),
    ),
    "every recorded bank transfer is one movement, and one more when taken back": (
        "UPDATE accounts_banktransfer SET amount = amount + 0.01",
        "UPDATE accounts_banktransfer SET reversed_at = now()",
        "DELETE FROM accounts_balanceentry WHERE reference LIKE 'bank-transfer:%'",
        "INSERT INTO accounts_balanceentry OVERRIDING SYSTEM VALUE"
        " SELECT (jsonb_populate_record(t, jsonb_build_object('id', 987654,"
        " 'reference', reference || ':reversed'))).* FROM accounts_balanceentry t"
        " WHERE reference LIKE 'bank-transfer:%'",
    ),
    "every booked adjustment is one movement, and no other is": (
        "UPDATE accounts_adjustment SET amount = amount + 0.01 WHERE state = 'booked'",
        "UPDATE accounts_adjustment SET state = 'waiting' WHERE state = 'booked'",
        "UPDATE accounts_adjustment SET state = 'booked' WHERE state <> 'booked'",
    ),
    "invoices are numbered from 1 without a gap, each number has its paper and"
    " each paper its number": (
        "UPDATE quota_invoiceseries SET last = last + 1",
        "UPDATE quota_invoicenumber SET number = number + 1",
        "DELETE FROM quota_invoice WHERE id = (SELECT min(id) FROM quota_invoice)",
        "DELETE FROM quota_invoicenumber WHERE number = 1",
    ),
    "every order that was invoiced has papers of exactly its amount": (
        "UPDATE quota_order SET invoiced_at = NULL",
        "UPDATE quota_invoice SET total = total + 0.01",
        "DELETE FROM quota_invoice",
        "UPDATE quota_invoice SET kind = 'credit' WHERE kind <> 'credit'",
        "UPDATE quota_invoice SET kind = 'invoice' WHERE kind = 'credit'",
    ),
}
