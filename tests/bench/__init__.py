"""The performance table: each row a ratio, both sides measured in one run (``make bench``)."""
