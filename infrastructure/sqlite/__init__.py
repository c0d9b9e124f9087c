"""The stores and queues on SQLite."""
