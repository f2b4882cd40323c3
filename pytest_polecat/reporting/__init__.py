"""Reports: on the terminal, as pages, beside pytest-html."""
