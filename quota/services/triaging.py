"""Deciding about findings: for one image or for all, kept across scans."""

from datetime import datetime

from django.db import transaction
from django.db.models import Count, Q

from accounts.models import Account, User
from quota.errors import NotAffected, NoteMissing
from quota.models import Finding, FindingGroup, Image, Triage, TriageState
from quota.models.findings import PRESENT


@transaction.atomic
def decide(
    *,
    account: Account,
    group: FindingGroup,
    image: Image | None,
    state: TriageState,
    note: str,
    by: User,
    now: datetime,
) -> Triage:
    """Write a decision down, for one image or for all (``image`` is None).

    It holds for every image it covers until a newer one that covers it. Anything but
    *open* needs a note that says why. Refuses (NotAffected) an image without the
    finding. Deciding the same again changes nothing and returns the newest decision.
    """
    if state is not TriageState.OPEN and not note:
        raise NoteMissing
    Account.objects.lock(account.pk)
    mine = Finding.objects.filter(account=account, group=group)
    affected = mine.filter(image=image) if image else mine
    if image and not affected.exists():
        raise NotAffected
    newest = Triage.objects.filter(account=account, group=group).order_by("-pk").first()
    if newest and _says(newest, image, state, note):
        return newest
    decision = Triage.objects.create(
        account=account,
        group=group,
        image=image,
        state=state,
        note=note,
        by=by,
        decided_at=now,
    )
    affected.exclude(state=state).update(state=state)
    images = mine.filter(PRESENT, image__account=account).aggregate(
        all=Count("image", distinct=True),
        open=Count("image", distinct=True, filter=Q(state=TriageState.OPEN)),
    )
    FindingGroup.objects.filter(account=account, pk=group.pk).update(
        decided=state, images=images["all"], open_images=images["open"]
    )
    return decision


def _says(decision: Triage, image: Image | None, state: TriageState, note: str) -> bool:
    return (decision.image_id, decision.state, decision.note) == (
        image.pk if image else None,
        state,
        note,
    )
