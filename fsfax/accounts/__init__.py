"""Who owns what: accounts, their access tokens, faxboxes and called numbers.

Modules:

    accounts             accounts and their called numbers
    tokens               access tokens: hashed, with scopes and expiry
    faxboxes             faxboxes: called numbers and a mail domain with a configuration
    faxbox_config        the configuration of a faxbox, checked when it is stored (pure)
    notification_config  the recipients of notifications, as a fax or a faxbox names them (pure)
    config_model         the base of these models: strict for new values, tolerant for stored ones
                         (pure)
    numbers              whether two spellings of a number mean the same (pure)
    callers              which callers may send faxes to a faxbox (pure)
    presets              the fields that a faxbox sets for each fax sent from it (pure)
    routing              which account and faxbox a called number belongs to
    windows              times of day in which an account may call (pure)
"""
