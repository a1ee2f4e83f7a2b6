"""The Faxes HTTP API on the durable jobs: a client written for the original changes the host name.

    fsfax serve --dev          # an account, a token, and the curl line of a first fax

A request's way:

    server ── gevent's WSGI server: patience, TLS, an end that loses nothing
    gate ──── request id, token, scope, account, rate; one line in the log
    bodies ── JSON however it is labelled, multipart, raw documents; streamed to files
    models ── what is asked for, validated; broken rules in the original's words (validation)
    faxes, folders, attachments, events, administration, health ── the calls
    services ─── the doors of the store (`fsfax.jobs`), used in real threads
    fax_view  a job as the API shows it (pure)
    listing, filters  lists: pages, times, filters, CSV
    envelope  the frame around every answer, and every error

Beside each call stands its description; `openapi` writes /openapi.json from them, `page` /docs.
Nothing here knows of calls: what happens on the line is read from the store.
"""
