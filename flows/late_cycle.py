"""A late settlement cycle, 11:31 to 17:30 (CSD-5.2.10-b)."""

from datetime import date, datetime

from prefect import flow

from flows.office import carry_out


@flow(name="late cycle", flow_run_name="{business_date} {slot}")
async def late_cycle(settings: str, business_date: date, slot: str, at: datetime | None = None) -> str:
    """Runs the batch once; `at` is the moment of a simulated day, None = now. Returns its state."""
    return (await carry_out(settings, business_date, slot, at)).state
