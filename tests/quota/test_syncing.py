"""Updates of the local images that run at once."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from accounts.models import Account
from quota.models import Image, ImageSource, Sighting
from quota.services import syncing
from quota.sources import KINDS
from quota.sources.content import FoundImage
from quota.sources.oci_layout import OciLayouts
from tcss_billing.demo.images import write_image

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize("minutes", [(1, 0), (0, 1)])
def test_a_read_in_the_middle_of_another_takes_no_image_from_the_list(
    account: Account,
    now: datetime,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    minutes: tuple[int, int],
) -> None:
    for tag in ("1", "2"):
        write_image(tmp_path, tag=tag, layers=[{"etc/tag": tag.encode()}])
    outer, inner = (now + MINUTE * each for each in minutes)
    source = ImageSource.objects.create(
        account=account, kind="oci-layout", location=str(tmp_path)
    )
    waiting = [inner]

    class Slow(OciLayouts):
        """After its first image is written, the other read runs from end to end."""

        def find(self) -> Iterator[FoundImage]:
            for found in super().find():
                yield found
                if waiting:
                    syncing.update_from(source=source, now=waiting.pop())

    monkeypatch.setattr(syncing, "BATCH", 1)
    monkeypatch.setitem(KINDS, "oci-layout", Slow)

    syncing.update_from(source=source, now=outer)

    assert Image.objects.filter(is_local=True).count() == 2
    seen = Sighting.objects.values_list("seen_at", flat=True)
    assert list(seen) == [now + MINUTE] * 2
    source.refresh_from_db()
    assert source.read_at == now + MINUTE
