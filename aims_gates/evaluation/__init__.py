"""From a plan to findings: which gates are due, how one runs, how all of them run."""
