import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.utils.module_loading import import_string

from portal.lib import heap

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
application = get_wsgi_application()
for dotted in settings.AHEAD_OF_DJANGO:
    application = import_string(dotted)(application)
heap.settle()
