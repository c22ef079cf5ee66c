"""Parts of the workflow of a job: what may interrupt it, and how it ends."""
