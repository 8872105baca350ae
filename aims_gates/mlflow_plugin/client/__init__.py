"""What a user of MLflow calls: check, predict, promote, explain, load."""
