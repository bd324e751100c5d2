"""May a finding be acted on, and why: hurdles, doubts, claims of the sources, refusals."""
