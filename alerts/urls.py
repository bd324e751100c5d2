"""The addresses of the alerts room below `/api/v1`."""

from alerts import api

urlpatterns = api.urlpatterns
