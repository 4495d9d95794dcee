"""The Jobs API: endpoints, paging, models and states."""
