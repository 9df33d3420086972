"""The examples in the rules' docstrings hold."""

import doctest
from types import ModuleType

import pytest

from accounts import money, spreadsheets
from accounts.payments import minor_units, references
from quota.rules import (
    allocation,
    auto_renewal,
    calendar,
    dates,
    estimate,
    forecast,
    lifecycle,
    pricing,
    progress,
    reminders,
    renewal,
    repairs,
    scheduling,
    taxes,
    units,
)


@pytest.mark.parametrize(
    "module",
    [
        money,
        allocation,
        auto_renewal,
        calendar,
        dates,
        estimate,
        forecast,
        lifecycle,
        pricing,
        progress,
        repairs,
        reminders,
        renewal,
        scheduling,
        taxes,
        units,
        references,
        minor_units,
        spreadsheets,
    ],
    ids=lambda module: module.__name__,
)
def test_the_examples_hold(module: ModuleType) -> None:
    result = doctest.testmod(module)

    assert result.attempted
    assert not result.failed
