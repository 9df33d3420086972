"""The WSGI application."""

import gc
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tcss_billing.settings")
application = get_wsgi_application()
# What is loaded by now stays: the collector need not look at it after every request.
gc.collect()
gc.freeze()
