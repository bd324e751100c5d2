"""The demo: the whole system on one machine against the sandbox exchange, from nothing."""
