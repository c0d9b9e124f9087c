"""How domain objects are written as JSON, shared by the technologies."""
