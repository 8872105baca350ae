"""MLflow's private names, and what is replaced in it: here and in :mod:`aims_gates.mlflow_plugin.internals.server`
alone.

``names`` says what there must be in which version, ``verify`` looks before the first store is made, ``store`` hands it
out. Nothing is looked up while a request is answered.
"""
