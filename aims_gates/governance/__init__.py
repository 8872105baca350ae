"""What is required: controls, classification, the shapes of records and the records themselves."""
