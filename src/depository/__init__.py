"""The depository itself: register, ledger, instructions, settlement, notices. No file formats and no Prefect in here."""
