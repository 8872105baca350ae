"""The one room that imports MLflow: the store plugin, subjects, released copies, predictions."""
