"""``theradose info``."""

from __future__ import annotations

from theradose.cli.output import JsonOption, print_json, print_table


def info_command(as_json: JsonOption = False) -> None:
    """List versions, the choices of every registry, and the data sources with their status."""
    from theradose.workflow.info import describe_installation

    document = describe_installation()
    if as_json:
        print_json(document)
        return
    print_table(["software", "version"], [[name, text] for name, text in document["software"].items()])
    for registry, entries in document["registries"].items():
        print(f"\n{registry.replace('_', ' ')}")
        print_table(["name", "summary"], [[entry["name"], entry["summary"]] for entry in entries])
    print("\nlimits")
    print_table(
        ["name", "organ", "kind", "Gy", "quantity", "source"],
        [
            [row["name"], row["organ"], row["kind"], f"{row['value_gy']:g}", row["quantity"], row["source"]]
            for row in document["limits"]
        ],
    )
    print("\nnuclear data")
    print_table(
        ["name", "present", "nuclides", "licence", "source"],
        [
            [row["name"], "yes" if row["present"] else "no", str(row["nuclides"]), row["licence"], row["source"]]
            for row in document["nuclear_data"]
        ],
    )
    print("\nnuclides")
    print_table(
        ["name", "half-life", "decay", "chain", "edition"],
        [
            [row["name"], f"{row['half_life_h']:.6g} h", row["decay_mode"], " ".join(row["chain"]), row["edition"]]
            for row in document["nuclides"]
        ],
    )
    print("\ndata")
    print_table(
        ["name", "value", "status", "source"],
        [[row["name"], f"{row['value']:g} {row['unit']}", row["status"], row["source"]] for row in document["data"]],
    )
