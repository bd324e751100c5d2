"""What goes wrong with embedded services, in one sentence for the person at the terminal."""


class StackError(RuntimeError):
    """An embedded service cannot run; the message says why and what to do."""


class PortTakenError(StackError):
    """The port a server has to use is another program's."""
