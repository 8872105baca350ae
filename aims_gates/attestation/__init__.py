"""Who said what: keys and envelopes, what statements may say, and whose signature counts."""
