"""Stop if too many orders lack an amount: check.py LARGEST_SHARE_IN_PERCENT."""

import sys

import orders

found = orders.read()
lacking = sum(order["amount"] is None for order in found)
if lacking > len(found) * int(sys.argv[1]) / 100:
    raise ValueError(f"{lacking} of {len(found)} orders have no amount")
print(f"{lacking} of {len(found)} orders have no amount, which will do")
