"""Tables and stored values: SQLite by default, PostgreSQL for several machines.

Modules:

    database         connections, transactions, errors as `fsfax.errors.StoreError`
    schema           the tables and their constraints
    migrations/      brings a database up to the schema
    states           what a job and an attempt may become (pure)
    records          the values that are read from rows, and NewFax
    rows             queries that tables with accounts have in common
    transitions      state changes, job events, notifications to send: inside a transaction
    documents        documents in the database: streamed in and out, hashed
    change_listener  wakes a worker when another process has committed
"""
