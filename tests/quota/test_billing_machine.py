"""Any history of an account, through the real services, beside the oracle."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.quota.machine import Books
from tests.quota.refund_machine import RefundBooks


@pytest.mark.django_db
@pytest.mark.parametrize("machine", [Books, RefundBooks])
def test_the_books_agree_with_the_oracle_whatever_happens(
    machine: type[RuleBasedStateMachine],
) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
