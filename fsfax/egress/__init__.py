"""Outbound HTTP to checked addresses, for document fetches and webhooks.

Modules:

    target      the parts of a URL, and which addresses may be connected to (pure)
    request     the request for the document at a URL (pure)
    exchange    one HTTP/1.1 request and its response, within limits of time and size
"""
