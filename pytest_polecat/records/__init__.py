"""The plain data that the stages hand to each other: pydantic models, no I/O, no imports from a stage."""
