"""The moments of the day as plain functions, without Prefect."""
