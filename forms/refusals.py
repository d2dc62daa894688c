"""Why a file is refused as a whole, before any field is looked at."""

from collections.abc import Mapping

WRONG_NAME = "wrong-name"
REFUSALS: Mapping[str, str] = {
    "empty": "The file has no bytes.",
    "too-large": "The file is larger than 30 MB.",
    "wrong-type": "The file is no Excel workbook (.xlsx), whatever its name says.",
    WRONG_NAME: "The file's name does not end in .xlsx.",
    "encrypted": "The workbook is protected by a password.",
    "damaged": "The file is cut off or damaged.",
    "too-many-parts": "The package holds more parts than a form can have.",
    "duplicate-part": "Two parts of the package have the same name.",
    "expands-too-far": "The file expands to far more than a form can hold.",
    "macros": "The workbook holds macros.",
    "external-links": "The workbook links to other files or data sources.",
    "embedded-objects": "The workbook holds embedded objects.",
    "entities": "A part of the workbook declares a document type or entities.",
    "wrong-encoding": "A part of the workbook is not UTF-8.",
    "too-many-cells": "A sheet reaches farther than 200,000 rows or 64 columns.",
    "no-form": "No visible sheet is named after a form.",
    "several-forms": "More than one sheet is named after a form.",
    "time-limit": "Reading the file took too long.",
    "memory-limit": "Reading the file took too much memory.",
    "reader-stopped": "The reader stopped while reading the file.",
}
"""Every code with which a file is refused as a whole, and what it means."""
