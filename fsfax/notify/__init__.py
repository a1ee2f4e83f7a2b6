"""Notifications: mails, short messages and webhooks, sent from an outbox at least once.

A notification is enqueued in the commit that changes the job (`fsfax.db.transitions`). Here it is
expanded into deliveries, one for each recipient. They are sent in order for each fax and recipient,
tried again with growing pauses, and at last become dead letters, which a person can list and send
again.

Modules:

    dispatcher        expands notifications into deliveries and sends them
    deliveries        the deliveries in the database: claim, lease, settle, list, repeat
    events            kinds of notifications, webhook events, channels
    targets           the recipients of a notification
    subscriptions     the webhooks of accounts
    send_result       the result of one attempt: delivered, retry later, rejected
    backoff           when a delivery is tried again
    fax_context       a fax with its attempts and faxbox, and the document to attach
    template_context  the values that templates see
    template_loader   Jinja2 templates by language, built in or the user's
    mail              sends mails: reads, renders, composes, calls the relay
    mail_message      composes a mail
    report_pdf        the transmission report as a PDF
    relay             connections to the mail relay
    sms               short messages, by HTTP or into the log
    webhook           sends messages to webhooks
    payload           the body of a webhook message
    signature         signatures of webhook messages
    http_post         one HTTP request and the meaning of its answer
    doctor            the notifications part of `fsfax doctor`
"""
