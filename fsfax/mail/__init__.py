"""Email to fax: an SMTP server, and the rules of who may send what to which number.

A mail to ``NUMBER@<domain of a faxbox>`` is checked while its sender waits: every refusal is an
SMTP answer with a reason, and 250 is sent only when the faxes are committed to the database. Each
mail, accepted or refused, leaves an entry in the SMTP log.

Modules:

    server          the SMTP server: event loop, threads, limits, drain
    session         one SMTP session: commands, reception of a mail, AUTH
    acceptance      checks recipients, turns mails into jobs, logs acceptance and refusal
    address         NUMBER@DOMAIN of a fax, and addresses of senders
    permission      whether a sender may send faxes from a faxbox
    message         parses a mail into files, within limits
    auto_reply      refuses mails of autoresponders and mailing lists
    part_selection  which parts of a mail are faxed
    refusal         SmtpRefusal: a negative SMTP answer
    smtplog         the SMTP log in the database
"""
