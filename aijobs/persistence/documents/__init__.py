"""Documents in the database: templates, extracted rows, conversations, task ids."""
