"""Inside an MLflow server: who is there, what they may write, and our own routes beside MLflow's."""
