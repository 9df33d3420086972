"""Fields that several forms of images share."""

from typing import Any

from django import forms

from quota.errors import FormUnreadable

MOST_NAMES = 50
LONGEST_NAME = 200


def unreadable(form: forms.Form, *hidden: str) -> FormUnreadable | None:
    """Whether what nobody types came back wrong, which has no field to stand beside.
    Call ``is_valid()`` first."""
    has_key = "key" not in form.fields or form.cleaned_data.get("key")
    if has_key and not any(name in form.errors for name in hidden):
        return None
    return FormUnreadable()


class NamesLeftOut(forms.Field):
    """Names of images to leave out, one a line; ``*`` stands for anything."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(str(value or "").replace("\0", "").split()))
        if len(names) > MOST_NAMES:
            raise forms.ValidationError(
                f"Leave out at most {MOST_NAMES} names. One with a star, such as "
                "sandbox/*, stands for many."
            )
        if any(len(name) > LONGEST_NAME for name in names):
            raise forms.ValidationError(
                f"Enter names of at most {LONGEST_NAME} characters, one a line."
            )
        return names
