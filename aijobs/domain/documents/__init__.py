"""Documents: prompt templates, their stages and columns, and how a model's answer becomes typed values."""
