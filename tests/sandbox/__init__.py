"""The sandbox, tested over real sockets, with the vendor's own client where there is one."""
