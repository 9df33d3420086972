"""The scan that a purchase was opened from, kept as the query of its dialog."""

from django.http import QueryDict

from quota.models import Kind

# What chooses images in the *Scan now* dialog; keys and costs are made anew.
CHOICES = (
    "scope", "image", "retry", "again", "categories", "minutes",
    "left_out", "other_platforms",
    "q", "state", "risk", "cost", "running",
    "registry", "type", "namespace", "tag", "latest",
)  # fmt: skip
MOST = 4_000


def asked_from_scan(data: QueryDict) -> str:
    """Return ``local?scope=all`` for a purchase opened from the dialog, else nothing;
    from a posted purchase what it was given before."""
    if "agreed_set" not in data:
        return data.get("back", "")[:MOST]
    kept = QueryDict(mutable=True)
    for name in CHOICES:
        kept.setlist(name, [value for value in data.getlist(name) if value])
    text = f"{data.get('kind', Kind.LOCAL)}?{kept.urlencode()}"
    return text if len(text) <= MOST else ""


def scan_of(back: str) -> tuple[Kind, str] | None:
    """Return the list and the query that lead back, or None for anything else."""
    kind, _, query = back.partition("?")
    if kind not in set(Kind):
        return None
    known = QueryDict(query, mutable=True)
    for name in set(known) - set(CHOICES):
        del known[name]
    return Kind(kind), known.urlencode()
