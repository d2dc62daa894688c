"""Executes waiting free-of-payment transfers between 09:30 and 17:45 (CSD-4.1.2-c)."""

from datetime import date, datetime

from prefect import flow

from flows.office import carry_out


@flow(name="fop window", flow_run_name="{business_date} {slot}")
async def fop_window(settings: str, business_date: date, slot: str, at: datetime | None = None) -> str:
    """Runs the batch once; `at` is the moment of a simulated day, None = now. Returns its state."""
    return (await carry_out(settings, business_date, slot, at)).state
