"""Connecting a registry: parses and words; the service decides."""

from typing import Any

from django import forms

from quota.models import Registry
from quota.services.registries import Details
from quota.sources.content import SourceError
from quota.sources.distribution import is_repository
from quota.sources.reach import origin
from quota.sources.wire import tls_context

MOST_NAMED = 500
PULLS = "Enter 1 to 1,000,000 pulls an hour, or leave it empty."


class RegistryForm(forms.Form):
    """A registry's details. A password is taken and never given back."""

    name = forms.CharField(
        max_length=60, error_messages={"required": "Give the registry a name."}
    )
    type = forms.ChoiceField(
        choices=Registry.Type.choices,
        error_messages={
            "required": "Choose a type.",
            "invalid_choice": "Choose a type.",
        },
    )
    address = forms.CharField(
        max_length=300, error_messages={"required": "Enter the registry's address."}
    )
    username = forms.CharField(max_length=200, required=False)
    password = forms.CharField(
        max_length=8_192,
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    verify_certificate = forms.BooleanField(required=False)
    ca_certificate = forms.CharField(max_length=65_536, required=False)
    pull_limit = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=1_000_000,
        error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), PULLS),
    )
    only = forms.CharField(max_length=100_000, required=False)
    scanner = forms.ChoiceField(
        required=False,
        choices=[
            ("", "As set up here"),
            ("builtin", "Builtin"),
            ("trivy", "Trivy"),
            ("harbor", "Harbor scanner"),
        ],
    )

    def clean_address(self) -> str:
        """With its scheme, without what follows the registry itself."""
        address = self.cleaned_data["address"].strip().rstrip("/").removesuffix("/v2")
        if "://" not in address:
            address = f"https://{address}"
        try:
            origin(address)
        except SourceError as error:
            raise forms.ValidationError(str(error)) from error
        if "?" in address or "#" in address:
            raise forms.ValidationError("Enter the address without a query.")
        return str(address)

    def clean_ca_certificate(self) -> str:
        """Certificates in PEM form."""
        certificate = str(self.cleaned_data["ca_certificate"])
        if certificate:
            try:
                tls_context(verify=True, ca=certificate)
            except SourceError as error:
                raise forms.ValidationError(str(error)) from error
        return certificate

    def clean_only(self) -> tuple[str, ...]:
        """Namespaces end in a slash; everything else is a repository."""
        words = self.cleaned_data["only"].replace(",", " ").split()
        entries = tuple(dict.fromkeys(word.removesuffix("*") for word in words))
        for entry in entries:
            if not is_repository(entry.removesuffix("/")):
                raise forms.ValidationError(
                    f"{entry[:80]} is no repository. Enter one a line, such as"
                    " team/app, or team/ for all of a namespace."
                )
        if len(entries) > MOST_NAMED:
            raise forms.ValidationError(f"Enter at most {MOST_NAMED} of them.")
        return entries

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if data.get("password") and not data.get("username"):
            self.add_error("username", "Enter the user that the password belongs to.")
        return data

    def details(self) -> Details:
        """What the service takes, but for the password."""
        data = self.cleaned_data
        return Details(
            **{
                name: data[name]
                for name in (
                    "name", "type", "address", "username", "verify_certificate",
                    "ca_certificate", "pull_limit", "only", "scanner",
                )
            }
        )  # fmt: skip

    @classmethod
    def of(cls, registry: Registry) -> "RegistryForm":
        """The form as the registry stands, without its password."""
        return cls(
            initial={
                "name": registry.name,
                "type": registry.type,
                "address": registry.address,
                "username": registry.username,
                "verify_certificate": registry.verify_certificate,
                "ca_certificate": registry.ca_certificate,
                "pull_limit": registry.pull_limit,
                "only": "\n".join(registry.only),
                "scanner": registry.scanner,
            }
        )
