"""How bad: the word an advisory states, else its CVSS 3 vector worked out."""

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any

from quota.scanners.port import Severity

WORDS = {
    "CRITICAL": Severity.CRITICAL,
    "HIGH": Severity.HIGH,
    "MODERATE": Severity.MEDIUM,
    "MEDIUM": Severity.MEDIUM,
    "LOW": Severity.LOW,
}
D = Decimal
WEIGHTS: Mapping[str, Mapping[str, Decimal]] = {
    "AV": {"N": D("0.85"), "A": D("0.62"), "L": D("0.55"), "P": D("0.2")},
    "AC": {"L": D("0.77"), "H": D("0.44")},
    "UI": {"N": D("0.85"), "R": D("0.62")},
    "C": {"H": D("0.56"), "L": D("0.22"), "N": D(0)},
}
PRIVILEGES = {
    "U": {"N": D("0.85"), "L": D("0.62"), "H": D("0.27")},
    "C": {"N": D("0.85"), "L": D("0.68"), "H": D("0.5")},
}


def severity_of(document: Mapping[str, Any]) -> Severity:
    """The severity of an OSV document; unknown where it states none."""
    stated = (document.get("database_specific") or {}).get("severity")
    if isinstance(stated, str) and stated.upper() in WORDS:
        return WORDS[stated.upper()]
    for score in document.get("severity") or []:
        vector = str(score.get("score", ""))
        if vector.startswith("CVSS:3"):
            try:
                return rating(base_score(vector))
            except (KeyError, ValueError):
                continue  # A vector nobody can read is no severity.
    return Severity.UNKNOWN


def rating(score: Decimal) -> Severity:
    """The qualitative scale of CVSS 3."""
    if score >= 9:
        return Severity.CRITICAL
    if score >= 7:
        return Severity.HIGH
    return Severity.MEDIUM if score >= 4 else Severity.LOW


def base_score(vector: str) -> Decimal:
    """The CVSS 3 base score of a vector. Refuses (KeyError, ValueError) one that
    is not complete.

    >>> base_score("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H")
    Decimal('9.8')
    """
    metric = dict(part.split(":", 1) for part in vector.split("/")[1:])
    scope = metric["S"]
    loss = 1 - (1 - WEIGHTS["C"][metric["C"]]) * (1 - WEIGHTS["C"][metric["I"]]) * (
        1 - WEIGHTS["C"][metric["A"]]
    )
    impact = D("6.42") * loss
    if scope == "C":
        impact = D("7.52") * (loss - D("0.029")) - D("3.25") * (loss - D("0.02")) ** 15
    if impact <= 0:
        return D("0.0")
    reach = (
        D("8.22")
        * WEIGHTS["AV"][metric["AV"]]
        * WEIGHTS["AC"][metric["AC"]]
        * PRIVILEGES[scope][metric["PR"]]
        * WEIGHTS["UI"][metric["UI"]]
    )
    factor = D("1.08") if scope == "C" else D(1)
    score = min(factor * (impact + reach), D(10))
    return score.quantize(D("0.00001")).quantize(D("0.1"), rounding=ROUND_CEILING)
