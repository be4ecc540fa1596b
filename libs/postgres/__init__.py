"""PostgreSQL: the pool, and which of its errors mean that it is away."""
