"""Who owns what: accounts, their access tokens, faxboxes and called numbers.

Modules:

    accounts    accounts and their called numbers
    tokens      access tokens: hashed, with scopes and expiry
    faxboxes    faxboxes: a called number with its settings
    numbers     when two ways of writing a number mean the same (pure)
    callers     which callers may send faxes to a faxbox (pure)
    presets     the fields that a faxbox fills in for each fax sent from it (pure)
    routing     which account and faxbox a called number belongs to
    windows     times of day in which an account may call (pure)
"""
