"""Durable jobs: what was accepted is never lost, and never dialled twice.

A job is a fax to send, or one that was received. It is stored in a database (SQLite by default,
PostgreSQL for several machines) together with its documents, and every promise is made by a commit:

    accept ── one commit: job + document ──► the id may be returned
    claim ─── one commit: job → processing, attempt (ids, node, core, plan) ──► may dial
    observe ─ one commit each: attempt's state, page, live status
    settle ── one commit: attempt's result, job's state, destination's history, outbox
    receive ─ one commit: inbound job + received document + outbox ──► file may be removed

How the promises are kept:

* **Never lost.** A job belongs to a worker only as long as the worker renews its lease (`leases`);
  after that another worker takes the job over. Every write of a worker has to have the job's
  fencing token, so that a worker that was merely slow cannot write over its successor.
* **Never twice.** A job has at most one open attempt, and so has a number: unique indexes in the
  database enforce it. An attempt that lost its worker is reconciled with FreeSWITCH (`reconcile`):
  still up → followed to its end; a mark → settled; provably never dialled → the job can be claimed
  again; otherwise *uncertain*.
* **What is not known is reported as not known.** An uncertain job is held for an operator, or tried
  again if policy says so (`retry`).

Modules, from the pure rules to those that run them:

    retry            whether and when to try again (pure)
    ladder           how to call next: T.38, V.17, ECM, chosen from what failed (pure)
    destination      the history of a number, and the advice that follows from it (pure)
    intake           inserts new jobs, inside the caller's transaction
    store            public interface: accept, read, list, cancel, hold, release, resubmit, remove
    leases           workers, their heartbeats, and the takeover from those that stopped
    claims           chooses the job to call next, and stores its attempt before it is dialled
    settle           stores observations and results, and decides what becomes of the job
    prepare          fetches and converts the document of a job
    dial             makes one attempt through the engine
    reconcile        settles attempts that lost their worker
    inbound_faxes    stores received faxes as jobs
    inbound_service  moves received faxes from the engine into the database
    forward          sends received faxes on to another number
    retention        removes documents whose retention time is over
    worker           the process loop that runs all of these
    overview         counts of jobs, workers and deliveries, for metrics
    doctor           checks the database, and that workers run
"""
