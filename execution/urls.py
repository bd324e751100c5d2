"""The addresses of the execution room below `/api/v1`."""

from execution import api
from execution.by_hand import api as order_api
from execution.halting import api as halt_api
from execution.portfolio import api as portfolio_api
from execution.portfolio import hedge_api
from execution.risk import api as limit_api

# Orders by hand before the others: `orders/submit` is no order's id
urlpatterns = [
    *order_api.urlpatterns,
    *api.urlpatterns,
    *halt_api.urlpatterns,
    *limit_api.urlpatterns,
    *portfolio_api.urlpatterns,
    *hedge_api.urlpatterns,
]
