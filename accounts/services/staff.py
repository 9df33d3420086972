"""What staff may not do, whatever their permissions."""

from accounts.errors import StaffIsMember
from accounts.models import Account, Member, User


def require_stranger(account: Account, by: User) -> None:
    """Refuse a decision about money to a member of the account (403)."""
    if Member.objects.filter(account=account, user=by).exists():
        raise StaffIsMember
