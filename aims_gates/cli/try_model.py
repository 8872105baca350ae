"""``aims-gates try-model``: a model judged under conventions, without system, registry or key."""

from pathlib import Path

import click

from aims_gates.cli.check import show
from aims_gates.cli.options import as_json, isolation_option, progress, settings_options
from aims_gates.settings import Settings

__all__ = ["command"]


@click.command(epilog="Example: aims-gates try-model models:/loans/3 --data test.csv --target approved --sensitive sex")
@click.argument("model")
@click.option("--data", help="The evaluation set: a file, folder, glob or table. Default: the one the run recorded.")
@click.option("--target", help="The column that holds the truth. Default: proposed.")
@click.option("--sensitive", multiple=True, help="A column whose groups are compared; none for none. Repeatable.")
@click.option("--positive", help="The favourable label. Default: proposed.")
@click.option("--prediction", help="Of a model that returns several columns, the one that is its prediction.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write an HTML page with everything.")
@isolation_option
@settings_options
@as_json
def command(
    model: str,
    data: str | None,
    target: str | None,
    sensitive: tuple[str, ...],
    positive: str | None,
    prediction: str | None,
    output: Path | None,
    isolation: str,
    settings: Settings,
    json_: bool,
) -> int:
    """See a model judged: every computed gate whose inputs are there, under conventional limits.

    MODEL is a run id, models:/NAME/VERSION, models:/m-..., runs:/ID/model or a model's folder. Column roles are
    proposed from the run, the model's signature and the columns' names; each is printed with the way to change it. The
    model runs in a process of its own, kept apart as --isolation says.

    Needs no registry, no key and no YAML. Nothing is signed or recorded, and nothing written but --output.

    The exit code is 0 when all gates pass, 2 when one fails, 3 when one is inconclusive, 1 for an error.
    """
    with progress() as report_progress:
        if report_progress is not None:
            report_progress("loading MLflow", 0, 0)
        from aims_gates.mlflow_plugin.client.release import use
        from aims_gates.mlflow_plugin.client.targets import find_target
        from aims_gates.setup.try_model import Wishes, try_model

        use(settings)
        is_run = ":/" not in model and not Path(model).is_dir()
        subject = find_target(run=model) if is_run else find_target(model=model)
        wishes = Wishes(target, sensitive, positive, prediction, isolation)
        report = try_model(subject, data, wishes, report_progress)
    return show(report, () if output is None else (f"html:{output}",), json_)
