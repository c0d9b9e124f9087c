"""The command, the HTTP server and the Lambda functions."""
