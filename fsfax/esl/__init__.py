"""FreeSWITCH's event socket: wire format, supervised link, pool of nodes, dial strings.

Knows nothing of faxes.
"""
