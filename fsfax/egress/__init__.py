"""Outbound HTTP to checked addresses, for document fetches and webhooks.

Modules:

    target      the parts of a URL, and which addresses may be connected to (pure)
    exchange    one HTTP/1.1 request and its answer, within limits of time and size
"""
