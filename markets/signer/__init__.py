"""The signer: the one process that holds the platforms' private keys, behind a local socket.

`bounds` says what may be signed (core), `keys` reads and holds the keys, `halting` is its own kill switch, `service`
answers requests, `server` is the socket. Everybody else asks through `markets.signer_client`.
"""
