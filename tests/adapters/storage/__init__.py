"""Object stores against real servers, and downloads against hostile ones."""
