"""Results: the ledger of attempts and the statistics of a run."""
