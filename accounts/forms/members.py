"""Inviting, changing a role, handing an account over."""

from typing import Any

from django import forms

from accounts.forms.fields import email_field
from accounts.models import Account, Member, User

ROLES = [(value, value) for value in ("", "resource", "financial", "both")]
NO_ROLE = {"invalid_choice": "Choose one of the four roles."}


class RoleForm(forms.Form):
    """One of the four roles."""

    role = forms.ChoiceField(choices=ROLES, required=False, error_messages=NO_ROLE)

    def flags(self) -> dict[str, bool]:
        """The flags that services take."""
        role = self.cleaned_data["role"]
        return {
            "is_global_resource": role in ("resource", "both"),
            "is_financial": role in ("financial", "both"),
        }


class InviteForm(RoleForm):
    """An address and a role."""

    email = email_field()


class HandOverForm(forms.Form):
    """Another member of the account, and the creator's own password."""

    member = forms.TypedChoiceField(
        coerce=int,
        error_messages={
            "required": "Choose a member.",
            "invalid_choice": "Choose a member of this account.",
        },
    )
    password = forms.CharField(
        strip=False,
        widget=forms.PasswordInput,
        error_messages={"required": "Enter your password."},
    )

    def __init__(self, data: Any = None, *, account: Account, user: User) -> None:
        super().__init__(data)
        self.user = user
        others = Member.objects.filter(account=account, is_creator=False)
        self.fields["member"].choices = [  # type: ignore[attr-defined]
            (member.user_id, f"{member.user.name} ({member.user.email})")
            for member in others.select_related("user").order_by("user__name")
        ]

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise forms.ValidationError("This is not your password.")
        return password
