"""`aijobs doctor`: checks every dependency and says how to mend what is broken."""
