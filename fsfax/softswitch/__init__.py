"""The stand-in for FreeSWITCH: an ESL server whose calls run on SpanDSP's T.30/T.38 engine."""
