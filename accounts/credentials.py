"""Passwords of other systems: encrypted at rest, and never shown again."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

if TYPE_CHECKING:
    _TextField = models.TextField["Secret", "Secret"]
else:
    _TextField = models.TextField


class CredentialUnreadable(Exception):
    """The key a credential was encrypted with is gone; it must be entered again."""

    def __init__(self) -> None:
        super().__init__("The stored password can no longer be read. Enter it again.")


class Secret:
    """A credential as it is stored. Only ``reveal()`` opens it: what prints, logs or
    serializes an object that holds one gets dots."""

    __slots__ = ("token",)

    def __init__(self, token: str = "") -> None:
        self.token = token

    @classmethod
    def seal(cls, text: str) -> Self:
        """Encrypt with the first of the operator's keys; nothing stays nothing."""
        return cls(_keys().encrypt(text.encode()).decode() if text else "")

    def reveal(self) -> str:
        """Decrypt, with whichever key it was made. Refuses (CredentialUnreadable) when
        none fits."""
        try:
            return _keys().decrypt(self.token).decode() if self.token else ""
        except InvalidToken as error:
            raise CredentialUnreadable from error

    def rotated(self) -> "Secret":
        """The same credential under the first key. Refuses as ``reveal`` does."""
        try:
            return Secret(_keys().rotate(self.token).decode() if self.token else "")
        except InvalidToken as error:
            raise CredentialUnreadable from error

    def __bool__(self) -> bool:
        return bool(self.token)

    def __repr__(self) -> str:
        return "••••" if self.token else ""

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("A credential is not to be serialized.")


def _keys() -> MultiFernet:
    return _made_of(tuple(settings.CREDENTIAL_KEYS))


@lru_cache(maxsize=4)
def _made_of(keys: tuple[str, ...]) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError as error:
        raise ImproperlyConfigured(
            "CREDENTIAL_KEYS must be Fernet keys: 32 bytes in URL-safe base64."
        ) from error


class EncryptedField(_TextField):
    """A column of secrets. Takes nothing but a ``Secret``, so that no plain text can
    reach the database by mistake, and appears in no form."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "editable": False, "default": Secret})

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["editable"], kwargs["default"]
        return name, path, args, kwargs

    def from_db_value(self, value: str | None, *_: object) -> Secret:
        """What the database holds."""
        return Secret(value or "")

    def to_python(self, value: Any) -> Any:
        return value

    def get_prep_value(self, value: Any) -> Any:
        return value.token if isinstance(value, Secret) else value

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if not isinstance(value, Secret):
            raise TypeError("Only a Secret can be stored here.")
        return super().get_db_prep_save(value, connection)

    def value_to_string(self, obj: models.Model) -> str:
        """For dumps: as it is stored."""
        return str(self.get_prep_value(self.value_from_object(obj)))
