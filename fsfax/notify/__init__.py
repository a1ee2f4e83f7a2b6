"""News for people and programs: mails, short messages, webhooks, from an outbox.

What is to be told is written in the commit that makes it true (`fsfax.jobs.ledger.news`). Here it
becomes deliveries, one for each who is told, and a courier carries them out: at least once, in
order for each fax and recipient, again and again with growing pauses, and at last put aside in a
list that a person can look at and repeat.
"""
