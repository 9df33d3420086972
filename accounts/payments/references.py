"""Reference numbers that a bank and a person can copy without an unseen mistake."""


def creditor_reference(number: int) -> str:
    """Return the ISO 11649 creditor reference of a number, in groups of four.

    Its two check digits (ISO 7064, MOD 97-10) show a mistyped or swapped digit.

    >>> creditor_reference(539007547034), creditor_reference(42)
    ('RF18 5390 0754 7034', 'RF34 0000 0042')
    """
    body = f"{number:08}"
    check = 98 - int(f"{body}271500") % 97
    text = f"RF{check:02}{body}"
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def number_of(reference: str) -> int | None:
    """Return the number of a creditor reference, with or without spaces; None for what
    is none, or is mistyped.

    >>> number_of("RF34 0000 0042"), number_of("rf3400000042"), number_of("RF35 42")
    (42, 42, None)
    """
    text = "".join(reference.split()).upper()
    body = text[4:]
    if not (text.startswith("RF") and body.isdecimal() and len(body) < 18):
        return None
    known = "".join(creditor_reference(int(body)).split())
    return int(body) if known == text else None
