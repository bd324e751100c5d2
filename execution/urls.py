"""The addresses of the execution room below `/api/v1`."""

from execution import api

urlpatterns = api.urlpatterns
