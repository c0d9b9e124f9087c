"""Conversations: found, shown as threads, and their messages one by one."""
