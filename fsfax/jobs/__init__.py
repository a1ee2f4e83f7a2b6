"""Durable jobs: what was accepted is never lost, and never dialled twice.

A job is a fax that somebody asked for, or one that came in. It lives in a database (SQLite by
default, PostgreSQL for several machines) together with its documents, and everything that is
promised to the outside is promised by a commit:

    accept ── one commit: job + document ──► the id may be told
    claim ─── one commit: job → processing, attempt (ids, node, core, plan) ──► may dial
    observe ─ one commit each: attempt's state, page, live status
    settle ── one commit: attempt's result, job's state, destination's memory, outbox
    receive ─ one commit: incoming job + received document + outbox ──► file may be removed

How the promises are kept:

* **Never lost.** Work belongs to a worker only as long as the worker shows that it lives
  (`leases`); when it does not, another one takes over. Every write of a worker carries the
  job's fencing token, so that a worker that was merely slow cannot write over its successor.
* **Never twice.** A job has at most one open attempt, and so has a number: unique indexes in
  the database say so, not code that means well. An attempt that lost its worker is put to
  FreeSWITCH (`reconcile`): still up → followed to its end; a mark → settled; provably never
  dialled → free to be tried again; otherwise *uncertain*.
* **Said honestly.** An uncertain job is held for a person, or tried again where policy says
  so (`retry`).

The rooms inside, from the pure to the busy:

    states        what a job and an attempt may become (pure)
    retry         whether and when to try again (pure)
    ladder        how: T.38, V.17, ECM, chosen from what failed (pure)
    destination   what is remembered of a number (pure)
    window        times of day in which an account may call (pure)
    numbers       when two ways of writing a number mean the same (pure)
    callers       who may send faxes to a faxbox (pure)
    records       the values that callers get (pure)
    schema        the tables; migrations/ brings a database up to date
    database      connections, transactions, errors in our words
    documents     documents in the database: streamed in and out, hashed
    intake        new jobs, inside a transaction
    presets       what a faxbox says about its faxes (pure)
    store         the door for everybody: accept, read, list, cancel, hold, resubmit
    leases        the door for workers: claim, observe, settle, take over
    routing       whose a fax is, by the number that was called
    forward       received faxes that are sent on
    incoming      received faxes, as rows
    retention     documents that are kept for a time, and then removed
    prepare       fetch and convert the document of a job
    dial          one attempt of one job, through the engine
    reconcile     attempts that lost their worker
    receive       incoming faxes, carried from the engine into the database
    overview      how the jobs stand, all together
    threads       real threads for what blocks, beside the hub
    wake          being told that there is work, without asking for ever
    worker        the loop that holds all of it together
    doctor        is the database well, does somebody work on what waits
"""
