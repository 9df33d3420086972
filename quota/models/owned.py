"""What every table of a customer has in common: it belongs to one account."""

from typing import Any, TypeVar

from django.db import models

from accounts.models import Account


class Owned(models.Model):
    """A row of one account.

    ``UNIQUE (account, id)`` is what other tables of the account point at: foreign keys
    between them are composite in the database (migration 0002), so a row can never
    name another account's row. Django's own single-column constraint is left out.
    """

    account = models.ForeignKey(Account, models.PROTECT, db_index=False)

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint("account", "id", name="%(class)s_by_account")
        ]


S = TypeVar("S")
G = TypeVar("G")


class OwnedKey(models.ForeignKey[S, G]):
    """A foreign key to another table of the same account.

    Every join along it, either way, is by the account too: a machine that holds some
    accounts only can answer it alone. To migrations it is a plain foreign key whose
    constraint is the composite one of ``Owned``.
    """

    def __init__(self, to: Any, on_delete: Any, **options: Any) -> None:
        super().__init__(
            to, on_delete, **{**options, "db_constraint": False, "db_index": False}
        )

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        """Describe it as the plain foreign key that it is in the database."""
        name, _, args, options = super().deconstruct()
        return name, "django.db.models.ForeignKey", args, options

    def get_joining_fields(self, reverse_join: bool = False) -> tuple[Any, ...]:
        """The pairs of columns that are equal in a join."""
        ends = (self.model, self.related_model)
        ours, other = (end._meta.get_field("account") for end in ends)
        pair = (other, ours) if reverse_join else (ours, other)
        return (*super().get_joining_fields(reverse_join), pair)
