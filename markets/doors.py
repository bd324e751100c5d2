"""What this room offers to the rooms below it."""


def open_all() -> None:
    """Register this room's checks, jobs, streams and sweeps."""
