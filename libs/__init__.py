"""What the services share; never imports from services."""
