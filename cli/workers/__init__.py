"""Workers as operators see them: whether they are well, and which version of the code they run."""
