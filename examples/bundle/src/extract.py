"""Write the orders of a day, some of them without an amount: extract.py DAY BROKEN_ORDERS."""

import sys

import orders

day, broken = sys.argv[1], int(sys.argv[2])
found = [{"day": day, "order": n, "amount": None if n < broken else n % 90 + 10} for n in range(100)]
orders.write(found)
print(f"{len(found)} orders of {day}")
