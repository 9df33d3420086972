"""What a browser needs of the test server."""

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def _plain_static_names(settings: Settings) -> None:
    """Django's live server finds files by their plain names."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
