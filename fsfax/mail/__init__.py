"""Mails that become faxes: an SMTP server, and who may send what to whom.

A mail to ``NUMBER@<domain of a faxbox>`` is checked while its sender waits: every refusal is an
SMTP answer with a reason, and 250 is said only when its faxes are in the database. Each mail,
accepted or refused, leaves an entry in the log of mails (`fsfax.mail.smtplog`).
"""
