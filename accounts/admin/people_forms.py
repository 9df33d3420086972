"""Forms of the back office about people: they parse and word; services decide."""

from django import forms

from accounts.forms.fields import OneLine, email_field
from accounts.models import Account, validate_zone


class OpenAccountForm(forms.Form):
    """A new account and its creator."""

    name = OneLine(max_length=150, label="Name of the account")
    slug = forms.SlugField(
        max_length=50, label="Short name", help_text="In the address: /a/short-name/"
    )
    zone = forms.CharField(
        max_length=64,
        label="Time zone",
        initial="UTC",
        validators=[validate_zone],
        help_text="Such as Asia/Singapore.",
    )
    currency = forms.RegexField(r"^[A-Z]{3}$", label="Currency", initial="USD")
    creator_email = email_field()
    creator_name = OneLine(
        max_length=150,
        label="Creator's name",
        help_text="Of somebody who signs in already the name stays as it is.",
    )

    def clean_slug(self) -> str:
        slug = str(self.cleaned_data["slug"]).lower()
        if Account.objects.filter(slug=slug).exists():
            raise forms.ValidationError("Another account has this short name.")
        return slug
