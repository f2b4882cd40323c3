"""Sandboxes: where code that a model wrote runs, and out of whose reach its verdict is found."""
