"""From a reply to points: extraction, checks, partial credit, outcomes and failure modes."""
