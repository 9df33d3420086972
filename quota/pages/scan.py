"""The *Scan now* dialog: what it costs, before and after."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from accounts.money import format_money
from quota.candidates import ScanQuote
from quota.models import Scope, Selection, Tariff
from quota.pages.header import QuotaHeader
from quota.pages.images import filter_query
from quota.pages.rail import percent
from quota.pages.words import plural
from quota.rules.units import format_quota, format_quota_column


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the sum: a kind of scan, how many, at what, and the product."""

    label: str
    images: str
    each: str
    quota: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the chosen images cost; ``fit`` words stand only when it does not fit."""

    lines: Sequence[Line]
    images: int
    cost: str
    cost_column: str
    worth: str
    left_now: str
    left_after: str
    missing: str
    left_out: str
    fit_words: str
    fit_cost: str
    fit_left: str
    fit_images: int
    fit_cost_tenths: int
    agreed_set: str
    agreed_cost: int
    used_width: str
    held_width: str
    use_from: str
    use_width: str

    @property
    def is_short(self) -> bool:
        """Whether there is less quota than it needs."""
        return bool(self.missing)


@dataclass(frozen=True, slots=True)
class ScopeChoice:
    """One of the choices under *Which images*."""

    value: str
    label: str
    words: str
    cost: str
    is_more_than_left: bool
    chosen: bool


SCOPE_WORDS = {
    Scope.SELECTED: "Selected images",
    Scope.MATCHING: "All that match the filters",
    Scope.RECOMMENDED: "Recommended",
    Scope.ALL: "All {} images",
    Scope.RETRY: "Failed images of the earlier task",
    Scope.AGAIN: "Images of the earlier task",
}


def scope_choice(scope: Scope, selection: Selection, quoted: ScanQuote) -> ScopeChoice:
    """A choice with what it costs."""
    images = plural(quoted.all.images, "image")
    if scope is Scope.RECOMMENDED:
        words = f"{images} in running containers, not scanned in the last 7 days"
    else:
        words = f"{images}, {quoted.all.firsts:,} never scanned"
    return ScopeChoice(
        value=scope.value,
        label=SCOPE_WORDS[scope].format(selection.kind),
        words=words,
        cost=format_quota(quoted.all.cost_tenths),
        is_more_than_left=quoted.missing_tenths > 0,
        chosen=scope is selection.scope,
    )


def estimate(quoted: ScanQuote, tariff: Tariff, header: QuotaHeader | None) -> Estimate:
    """The quote in words. Never computes a price."""
    everything, fit = quoted.all, quoted.fit
    after = quoted.available_tenths - everything.cost_tenths
    total = header.total_tenths if header else 0
    taken = total - quoted.available_tenths
    missing = quoted.missing_tenths
    return Estimate(
        lines=_lines(quoted, tariff),
        images=everything.images,
        cost=format_quota(everything.cost_tenths),
        cost_column=format_quota_column(everything.cost_tenths),
        worth=format_money(quoted.worth, tariff.currency),
        left_now=format_quota(quoted.available_tenths),
        left_after=format_quota(max(0, after)),
        missing=format_quota(missing) if missing else "",
        left_out=_left_out(everything.left_out, everything.images),
        fit_words=_fit_words(quoted) if fit and fit.images else "",
        fit_cost=format_quota(fit.cost_tenths) if fit else "",
        fit_left=(
            format_quota(quoted.available_tenths - fit.cost_tenths) if fit else ""
        ),
        fit_images=fit.images if fit else 0,
        fit_cost_tenths=fit.cost_tenths if fit else 0,
        agreed_set=everything.fingerprint,
        agreed_cost=everything.cost_tenths,
        used_width=header.used_width if header else "0%",
        held_width=header.held_width if header else "0%",
        use_from=percent(taken, total),
        use_width=percent(min(everything.cost_tenths, total - taken), total),
    )


def _lines(quoted: ScanQuote, tariff: Tariff) -> Sequence[Line]:
    kinds = (
        ("First scans", quoted.all.firsts, tariff.first_tenths),
        ("Repeat scans", quoted.all.repeats, tariff.repeat_tenths),
    )
    return [
        Line(
            label,
            plural(count, "image"),
            format_quota(each),
            format_quota_column(count * each),
        )
        for label, count, each in kinds
        if count
    ]


def _left_out(left_out: int, images: int) -> str:
    if not left_out:
        return ""
    verb = "is" if left_out == 1 else "are"
    return (
        f"{left_out:,} of {left_out + images:,} {verb} already being scanned and "
        f"{verb} left out."
    )


def _fit_words(quoted: ScanQuote) -> str:
    fit = quoted.fit
    if fit is None:
        return ""
    if not fit.repeats:
        return f"{plural(fit.images, 'image')}: the ones first seen earliest"
    every = (
        "every repeat scan"
        if fit.repeats == quoted.all.repeats
        else (f"{plural(fit.repeats, 'repeat scan')}, oldest result first")
    )
    then = f", then {plural(fit.firsts, 'new image')}" if fit.firsts else ""
    return f"{plural(fit.images, 'image')}: {every}{then}"


@dataclass(frozen=True, slots=True)
class Bulk:
    """The bar under the list while images are ticked."""

    images: str
    words: str
    cost: str
    problem: str
    scan_query: str
    schedule_query: str


def bulk(
    quoted: ScanQuote | None, selection: Selection, problem: str = ""
) -> Bulk | None:
    """What the selection comes to; None when nothing is selected."""
    query: dict[str, object] = {"scope": selection.scope.value}
    if selection.scope is Scope.SELECTED:
        query["image"] = selection.ids
    else:
        query |= filter_query(selection.filter)
    scan_query = urlencode(query, doseq=True)
    ticked = urlencode({"image": selection.ids}, doseq=True) if selection.ids else ""
    if quoted is None:
        count = plural(len(selection.ids), "image")
        return Bulk(count, "", "", problem, scan_query, ticked)
    kinds = [
        f"{count:,} {word}"
        for count, word in (
            (quoted.all.firsts, "first"),
            (quoted.all.repeats, "repeat"),
        )
        if count
    ]
    words = f"{', '.join(kinds)} scans." if kinds else "Already being scanned."
    if quoted.missing_tenths:
        words += f" {format_quota(quoted.missing_tenths)} more than you have."
    else:
        left = quoted.available_tenths - quoted.all.cost_tenths
        words += f" Leaves {format_quota(left)}"
    return Bulk(
        images=plural(quoted.all.images + quoted.all.left_out, "image"),
        words=words,
        cost=format_quota(quoted.all.cost_tenths),
        problem="",
        scan_query=scan_query,
        schedule_query=ticked,
    )
