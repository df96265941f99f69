"""``reconciler.yaml`` of the B2B repository: one environment for each environment of the Consumer project."""

from collections.abc import Mapping

from reconciler.migration.differences import Vars
from reconciler.migration.values import Consumer
from reconciler.report.templates import fill
from reconciler.yaml_text import block, scalar


def configuration(consumer: Consumer, project: str, variables: Mapping[str, Vars]) -> str:
    """Return the text of ``reconciler.yaml``. The first environment owns what belongs to the whole project."""
    first = consumer.environments[0]
    return fill(
        "configuration.yaml.j2",
        owner=project[:64],
        environments=[
            {
                "name": scalar(source.name),
                "target": block(
                    {"target": {"type": source.type.lower(), "project": project, "environment": source.slug}}, 2
                ),
                "users": block({"users": {"consumer": {"project_id": source.project_id}}}, 2),
                "owns_project": source is first,
                "vars": block({"vars": variables[source.name]}, 2) if variables[source.name] else "",
            }
            for source in consumer.environments
        ],
    )
