"""The forms of the depository that are workbooks."""

from collections.abc import Mapping

from forms.acr import ACR
from forms.bdn import BDN
from forms.buna import BUNA
from forms.iao import IAO
from forms.ind import IND
from forms.ist import IST
from forms.obc import OBC
from forms.paof import PAOF
from forms.sin import SIN
from forms.spec import FormSpec
from forms.tcr import TCR
from forms.wrn import WRN

FORMS: Mapping[str, FormSpec] = {spec.code: spec for spec in (IST, WRN, SIN, IND, IAO, BUNA, BDN, PAOF, ACR, TCR, OBC)}
"""Form code -> form that is read, in the order of the documentation."""
