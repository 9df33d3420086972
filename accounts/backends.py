"""Who is signed in, read by a statement worded once."""

from django.contrib.auth.backends import ModelBackend
from django.db.models import QuerySet

from accounts.models import User
from accounts.statements import Statement


def _user(pk: int) -> QuerySet[User]:
    return User.objects.filter(pk=pk)


USER = Statement(_user, {"pk": int}, User)


class Backend(ModelBackend):
    """Django's own, by email and password; only reading the user is quicker."""

    def get_user(self, user_id: int) -> User | None:
        """The person of a session, unless gone or no longer active."""
        found = USER.first(pk=user_id)
        if found is None:
            return None
        user: User = found[0]
        return user if self.user_can_authenticate(user) else None
