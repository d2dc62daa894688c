"""The main settlement cycle, at the moment that was drawn between 11:00 and 11:30 (CSD-5.2.10-a)."""

from datetime import date, datetime

from prefect import flow

from flows.office import carry_out


@flow(name="main cycle", flow_run_name="{business_date} {slot}")
async def main_cycle(settings: str, business_date: date, slot: str, at: datetime | None = None) -> str:
    """Runs the cycle once; `at` is the moment of a simulated day, None = now. Returns its state.

    Prefect's screen shows when runs begin, so this one begins with the window and waits for the drawn moment.
    """
    return (await carry_out(settings, business_date, slot, at)).state
