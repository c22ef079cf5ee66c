"""Several hosts on one machine: network namespaces with an address each, cut off and brought back under load."""
