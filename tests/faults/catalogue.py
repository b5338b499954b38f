"""All faults that the tests put into sound recipes."""

from tests.faults.in_code import CODE
from tests.faults.in_data import DATA
from tests.faults.in_settings import SETTINGS

FAULTS = DATA + SETTINGS + CODE
