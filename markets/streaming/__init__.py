"""The connector: one process per platform that turns sockets into live books and windows of changes."""
