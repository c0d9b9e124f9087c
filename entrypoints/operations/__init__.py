"""What operators need of every entrypoint: checks, the backlog, background jobs."""
