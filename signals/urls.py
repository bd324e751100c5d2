"""The addresses of the signals room below `/api/v1`."""

from signals import api

urlpatterns = api.urlpatterns
