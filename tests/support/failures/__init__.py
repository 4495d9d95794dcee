"""Failed runs with labels: what a reader who knows the whole story says of each.

They were written before the code that explains failures, and are not changed to suit it. A label is the
category of the cause and words that only the innermost cause has; a category may be left open where even
the whole story leaves it open.
"""

from tests.support.failures.by_code import BY_CODE
from tests.support.failures.case import FailureCase
from tests.support.failures.in_depth import IN_DEPTH

FAILURES: tuple[FailureCase, ...] = (*BY_CODE, *IN_DEPTH)
