"""Notifications: mails, short messages and webhooks, sent from an outbox at least once.

A notification is enqueued in the commit that changes the job (`fsfax.db.transitions`). Here it
becomes deliveries, one for each recipient, which are sent in order for each fax and recipient,
again and again with growing pauses, and at last put aside in a list that a person looks at.
"""
