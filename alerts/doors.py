"""What this room offers to the rooms below it."""


def open_all() -> None:
    """Nothing yet: delivery has no job of its own."""
