"""The API, called over a real socket."""
