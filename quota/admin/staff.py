"""Who acts in the back office."""

from django.http import HttpRequest

from accounts.admin.acts import address_of
from accounts.models import User
from quota.services.deciding import Staff


def staff_of(request: HttpRequest) -> Staff:
    """The person and where the request came from."""
    assert isinstance(request.user, User)  # noqa: S101 -- the admin lets no one else in
    return Staff(request.user, address_of(request))
