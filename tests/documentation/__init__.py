"""What people read: the commands run, the links lead somewhere, and the site is whole."""
