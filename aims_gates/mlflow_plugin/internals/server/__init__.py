"""MLflow's private names as the server uses them, and what is replaced in MLflow's server: here and nowhere else.

``names`` says what there must be, ``verify`` and ``probe`` look before anything is served, ``handlers`` and ``auth``
hand it out. Nothing is looked up while a request is answered.
"""
