"""The addresses of the markets room below `/api/v1`."""

from markets import api

urlpatterns = api.urlpatterns
