"""State: snapshots, what is wanted, what was delivered; SQL only, no HTTP, no destination."""
