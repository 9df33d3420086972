"""The rows of an export of findings: one a finding and image, worst first."""

from collections.abc import Iterator

from accounts.models import Account
from quota.models import FindingFilter, TriageState
from quota.pages.findings import KINDS

CHUNK = 2_000
COLUMNS = (
    "kind", "severity", "identifier", "package", "version", "fixed_version", "title",
    "image", "tag", "image_id", "path", "layer", "evidence", "first_seen", "triage",
    "what_to_do", "source",
)  # fmt: skip
READ = (
    "category", "severity", "identifier", "package", "version", "fixed_version",
    "title", "path", "layer", "evidence", "first_seen_at", "state", "advice", "source",
    "image__digest", "image__name", "image__tag", "image__repository",
    "image__repository_tag",
)  # fmt: skip


def export_rows(account: Account, chosen: FindingFilter) -> Iterator[dict[str, str]]:
    """Each finding the filter lets pass, read through a server-side cursor: the memory
    it takes does not grow with how many there are."""
    found = (
        chosen.findings(account.pk)
        .order_by("-group__weight", "-group", "image", "pk")
        .values(*READ)
    )
    for row in found.iterator(chunk_size=CHUNK):
        local = row["image__name"]
        yield {
            "kind": KINDS[row["category"]],
            "severity": row["severity"],
            "identifier": row["identifier"],
            "package": row["package"],
            "version": row["version"],
            "fixed_version": row["fixed_version"],
            "title": row["title"],
            "image": local or row["image__repository"],
            "tag": row["image__tag"] if local else row["image__repository_tag"],
            "image_id": row["image__digest"],
            "path": row["path"],
            "layer": row["layer"],
            "evidence": row["evidence"],
            "first_seen": row["first_seen_at"].isoformat(timespec="seconds"),
            "triage": TriageState(row["state"]).label,
            "what_to_do": row["advice"],
            "source": row["source"],
        }
