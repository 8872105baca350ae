"""Mutants of the files that turn a number into a verdict, and what the tests make of them (``make mutation``)."""
