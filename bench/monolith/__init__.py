"""An honest monolith: FastAPI with BackgroundTasks, doing all that the five services do for a text message."""
