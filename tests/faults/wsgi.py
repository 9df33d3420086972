"""The web application, which goes by the run's clock."""

import os
from pathlib import Path

from django.utils import timezone

from tests.faults.clock import Clock

timezone.now = Clock(Path(os.environ["FAULTS_CLOCK"])).now

from tcss_billing.wsgi import application  # noqa: E402 -- its clock has to be there first

__all__ = ["application"]
