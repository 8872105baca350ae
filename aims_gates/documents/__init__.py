"""Documents, names and places in text: read strictly, written canonically."""
