"""The Faxes HTTP API on the durable jobs; clients of Kazoo's Faxes API change the host name alone.

    fsfax serve --dev          # an account, a token, and the curl command of a first fax

In the order in which a request meets them:

    server          gevent's WSGI server: time limits, TLS, a stop that loses no request
    http_head       strict parsing of a request's head
    app             the WSGI application: routes and error handlers
    middleware      request id, token, scope, account, rate limit; log and metrics
    bodies          JSON however it is labelled, multipart, raw documents; streamed to files
    multipart       multipart bodies, parsed while they arrive
    models          requests and answers as pydantic models
    webhook_models  the same of webhooks and notifications
    validation      validation errors in the words of Kazoo's Faxes API
    faxes           /faxes, /faxes/outgoing, /faxes/incoming
    folders         /faxes/outbox, /faxes/inbox
    attachments     documents and pictures of pages
    events          server-sent events of a fax
    webhooks        /webhooks, /notifications
    administration  /accounts, /tokens, /faxboxes, /faxes/smtplog
    health          /healthz, /readyz, /metrics
    services        the stores, settings and threads that the resources use
    fax_view        faxes, mails, faxboxes, webhooks as the API shows them (pure)
    listing         lists: paging, ranges of time, CSV
    filters         filters of lists
    envelope        the envelope around every answer, and every error
    metrics         Prometheus metrics
    description     `describe`: each operation is described beside its responder
    openapi         /openapi.json, generated from the descriptions
    docs_page       /docs, generated from the OpenAPI document

Nothing here knows of calls: what happens on the line is read from the store.
"""
