"""Jobs in the database: the gate, acceptance, submissions, outputs, history, queries."""
