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
