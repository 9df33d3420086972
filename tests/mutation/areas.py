"""What is mutated together, and which tests are asked about it."""

from typing import NamedTuple


class Area(NamedTuple):
    """Modules, by their paths, and the files whose tests should notice."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


def _named(folder: str, names: str) -> tuple[str, ...]:
    return tuple(f"{folder}{name}.py" for name in names.split())


AREAS = {
    "balance": Area(
        _named("accounts/services/", "balance adjusting topping_up settling"),
        _named(
            "tests/accounts/test_",
            "balance staff_money payments payment_outcomes payment_signatures",
        )
        + _named("tests/quota/test_", "balance_pages topping_up_for"),
    ),
    "refunding": Area(
        _named("quota/services/", "refund_sums refunding paying_back deciding"),
        _named(
            "tests/quota/test_",
            "refunding deciding closing edition_refunds refund_desk refund_pages"
            " left_out invoices",
        ),
    ),
    "buying": Area(
        _named(
            "quota/services/",
            "ordering purchasing renewing renewal_ground auto_renewal",
        ),
        _named(
            "tests/quota/test_",
            "first_purchase buying_pages renewing renewing_once renewing_in_grace"
            " auto_renewal left_out terminating edition_refunds subscription_page"
            " order_pages topping_up_for invoices",
        ),
    ),
    "scanning": Area(
        _named("quota/", "ledger candidates")
        + _named("quota/services/", "scanning ending windows"),
        _named(
            "tests/quota/test_",
            "ledger candidates scanning tasks kinds left_out thresholds scheduling"
            " renewing renewing_in_grace"
            " auto_renewal terminating refunding scan_dialog task_page statement",
        ),
    ),
    "ending": Area(
        _named("quota/services/", "thresholds terminating"),
        _named(
            "tests/quota/test_",
            "thresholds terminating edition_refunds registry_syncs reminding",
        ),
    ),
    "working": Area(
        _named(
            "quota/services/", "working overdue scheduling run_notices tallying plans"
        ),
        _named(
            "tests/quota/test_",
            "leases looking scanning tasks kinds scheduling schedules platforms"
            " task_page terminating reasons refund_pages schedule_pages hostile_images"
            " registries",
        )
        + _named("tests/", "quota/scanners/test_harbor_failures"),
    ),
    "telling": Area(
        _named("quota/services/", "reminding invoicing sealing foreseeing sweeping"),
        _named(
            "tests/quota/test_",
            "reminding invoices statement pace subscription_page edition_refunds"
            " never_money sweeping",
        ),
    ),
}
