"""fsfax: send and receive faxes through FreeSWITCH."""
