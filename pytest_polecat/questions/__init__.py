"""Questions: suite files and their schema, decorators, collecting, discovery of suites, the self-test."""
