"""The profile "high" refuses models that ran without isolation; where there are no namespaces, a layer lowers that.

The layer is a profile of this folder's own, profiles/high-unisolated.yaml, which extends "high" and says why.
"""

from pathlib import Path

from stage import say

__all__ = ["lower_isolation", "say_isolation"]

_LAYER = "high-unisolated"
_SYSTEM = Path("records/systems/mortgage/system.yaml")


def lower_isolation(folder: Path) -> str | None:
    """Lay the layer over the profile where this machine gives no namespaces; the reason, None where it gives them."""
    from aims_gates.mlflow_plugin.client.isolation import missing_namespaces

    reason = missing_namespaces()
    if reason is None:
        return None
    layer = folder / "profiles" / f"{_LAYER}.yaml"
    layer.parent.mkdir(exist_ok=True)
    layer.write_text(
        f"id: {_LAYER}\ntitle: Tier high, on a machine without namespaces\ntier: high\nextends: high\n"
        "# For a demonstration with a model of your own alone: whoever made a model can reach what this account can.\n"
        "isolation: none\ncontrols: {}\n",
        encoding="utf-8",
    )
    system = folder / _SYSTEM
    text = system.read_text(encoding="utf-8")
    system.write_text(text.replace("\nprofile: high\n", f"\nprofile: {_LAYER}\n"), encoding="utf-8")
    return reason


def say_isolation(reason: str | None) -> None:
    """Print what was lowered and why."""
    if reason is not None:
        say(f"""The profile "high" wants models to run in isolation, and there is none here: {reason}. For this
            demonstration alone the profile "{_LAYER}" in this folder lowers that. The model is this demo's own.""")
