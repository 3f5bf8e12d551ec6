"""One guarantee per file: what makes the queue durable and the folders clean."""
