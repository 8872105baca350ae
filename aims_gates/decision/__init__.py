"""What follows from what was said: the rule book, what is in force, who may take back what. Pure."""
