"""Events: their catalogue, and how they are published and consumed on NATS JetStream."""
