"""Where requests come in: HTTP and the command line, and the container that builds it all."""
