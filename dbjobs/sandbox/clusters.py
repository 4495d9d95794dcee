"""The Clusters API, as far as clients look things up in it: there are no clusters here."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbjobs.sandbox.call import Call
    from dbjobs.sandbox.model import Json

_SPARK_VERSIONS = {
    "17.3.x-scala2.13": "17.3 LTS (includes Apache Spark 4.0.0, Scala 2.13)",
    "16.4.x-scala2.12": "16.4 LTS (includes Apache Spark 3.5.2, Scala 2.12)",
    "15.4.x-scala2.12": "15.4 LTS (includes Apache Spark 3.5.0, Scala 2.12)",
    "14.3.x-scala2.12": "14.3 LTS (includes Apache Spark 3.5.0, Scala 2.12)",
}
_NODE_TYPES = {
    # name: memory in MB, cores
    "i3.xlarge": (31_232, 4),
    "m5d.large": (8_192, 2),
    "Standard_DS3_v2": (14_336, 4),
    "n1-standard-4": (15_360, 4),
}


def list_spark_versions(call: Call) -> Json:
    return {"versions": [{"key": key, "name": name} for key, name in _SPARK_VERSIONS.items()]}


def list_node_types(call: Call) -> Json:
    return {
        "node_types": [
            {
                "node_type_id": name,
                "instance_type_id": name,
                "description": name,
                "category": "General Purpose",
                "memory_mb": memory,
                "num_cores": float(cores),
                "num_gpus": 0,
                "is_deprecated": False,
            }
            for name, (memory, cores) in _NODE_TYPES.items()
        ]
    }


def list_clusters(call: Call) -> Json:
    return {}
