"""The ``fsfax`` command; a subcommand's module is imported when that subcommand is called.

Modules:

    main           the table of subcommands, common options, errors as exit codes
    exits          the exit codes
    options        options that several subcommands share
    show           output: progress and results as text or as JSON lines, tables
    store          opens the database for a subcommand

    send           ``fsfax send``: send one document and wait for the result
    receive        ``fsfax receive``: store inbound faxes in a folder
    submit         ``fsfax submit``: store a durable job
    follow         follows a job to its end, for ``fsfax submit --wait``
    worker         ``fsfax worker``: process durable jobs
    serve          ``fsfax serve``: the HTTP API, with a worker beside it
    smtp           ``fsfax smtp``: email to fax
    jobs           ``fsfax jobs`` and ``fsfax job``: list and show jobs
    change         ``fsfax cancel``, ``hold``, ``release`` and ``resubmit``
    destination    ``fsfax destination``: the history of a number, and pins
    account        ``fsfax account``
    token          ``fsfax token``
    faxbox         ``fsfax faxbox``
    webhook        ``fsfax webhook``
    notifications  ``fsfax notifications``: deliveries, and failed ones again
    convert        ``fsfax convert``: a document to TIFF-F, a fax to PDF or PNG
    inspect        ``fsfax inspect``: what a document contains
    doctor         ``fsfax doctor``: checks of the whole installation
    config         ``fsfax config``: the settings in force
    db             ``fsfax db``: create and upgrade tables
    softswitch     ``fsfax softswitch``: the stand-in for FreeSWITCH
    demo           ``fsfax demo``: a fax from end to end on the stand-in
    sample         the sample letter of the demo
"""
