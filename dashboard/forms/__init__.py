"""Forms: fields as text, and what is read from them."""
