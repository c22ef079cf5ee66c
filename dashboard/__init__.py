"""The dashboard: HTML pages over the same functions as the API's routes. They can be read without JavaScript."""
