# Databricks notebook source
# MAGIC %md
# MAGIC # The report of a day

# COMMAND ----------

import orders

day = dbutils.widgets.get("day")
total = sum(order["amount"] or 0 for order in orders.read())

# COMMAND ----------

dbutils.notebook.exit(f"{day}: {total}")
