"""FreeSWITCH's event socket. Knows nothing of faxes.

Modules:

    wire         bytes to frames, events and commands, and back (pure)
    dialstring   originate commands, escaped and checked (pure)
    transport    one connection: socket, login, reading and writing
    watch        bounded queues of events, one for each reader
    link         a supervised connection: commands, events, reconnection
    pool         several nodes, their capacity, and which of them takes a call
"""
