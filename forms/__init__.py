"""What parties exchange: one module per CSD form, and how each becomes a request to the depository."""
