"""The timetable of the business day: one thin Prefect flow per moment."""
