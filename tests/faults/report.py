"""What a run did and found, in lines."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from tests.faults.checks import Verdict
from tests.faults.journal import Writings

SHOWN = 5


def lines(
    found: Writings, faults: Mapping[str, int], verdicts: Sequence[Verdict]
) -> Iterator[str]:
    """The operations, the faults, and each claim with what breaks it."""
    yield from _operations(found)
    yield ""
    yield f"{sum(faults.values()):,} faults"
    yield from (f"  {number:7,}  {what}" for what, number in sorted(faults.items()))
    yield ""
    for verdict in verdicts:
        word = "broken" if verdict.broken else "holds"
        yield f"{word:7} {verdict.claim} ({verdict.checked:,} checked)"
        yield from (f"        {row}" for row in verdict.broken[:SHOWN])


def _operations(found: Writings) -> Iterator[str]:
    asked: dict[str, Counter[str]] = {}
    for told in found.told:
        asked.setdefault(told.command.verb, Counter())[told.says] += 1
    deliveries = Counter(told.command.key for told in found.told)
    again = sum(number - 1 for number in deliveries.values())
    yield f"{len(found.told):,} deliveries, {again:,} of them again"
    for verb, says in sorted(asked.items()):
        words = ", ".join(f"{number:,} {what}" for what, number in sorted(says.items()))
        yield f"  {verb:12} {words}"
    counted = Counter(what for what, _ in found.counted)
    yield from (f"  {number:7,}  {what}" for what, number in sorted(counted.items()))
    outages = Counter(
        why
        for says, why in [(t.says, t.why) for t in found.told] + found.counted
        if says == "broken"
    )
    met = ", ".join(f"{why} {number:,}" for why, number in outages.most_common())
    yield f"outages met: {met or 'none'}"
