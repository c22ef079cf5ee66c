"""The parameters of a model as a form: which control each gets, and what a sent form says of it."""
