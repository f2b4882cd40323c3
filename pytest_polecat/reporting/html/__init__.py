"""The HTML page of a run: one self-contained file that opens from disk."""
