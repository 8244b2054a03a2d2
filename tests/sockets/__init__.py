"""What a server can do to us on the wire, by raw sockets."""
