"""What several tests share: databases, outside programs, a Prefect server."""
