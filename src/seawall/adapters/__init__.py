"""Where the core meets disks, databases, networks and other libraries."""
