"""Obligations and funding reports before the 11:00 deadline (CSD-3.3.1-b)."""

from datetime import date, datetime

from prefect import flow

from flows.office import carry_out


@flow(name="funding report", flow_run_name="{business_date} {slot}")
async def funding(settings: str, business_date: date, slot: str, at: datetime | None = None) -> str:
    """Runs the batch once; `at` is the moment of a simulated day, None = now. Returns its state."""
    return (await carry_out(settings, business_date, slot, at)).state
