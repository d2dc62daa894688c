"""The forms that the depository takes as workbooks."""

from collections.abc import Mapping

from forms.buna import BUNA
from forms.ist import IST
from forms.sin import SIN
from forms.spec import FormSpec
from forms.wrn import WRN

FORMS: Mapping[str, FormSpec] = {spec.code: spec for spec in (IST, WRN, SIN, BUNA)}
"""Form code -> form, in the order of the documentation."""
