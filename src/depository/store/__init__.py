"""The database: tables, journal, register, files. The only place of the depository that speaks SQL."""
