"""A suite of questions on regular expressions for pytest-polecat, and the check that grades them."""
