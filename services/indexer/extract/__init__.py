"""Reading documents. Nothing here is imported by the service itself, only by its disposable processes."""
