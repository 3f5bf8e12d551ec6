"""The tree of commands."""

from typing import Annotated

import typer

from harness_api.cli import (
    bundles_commands,
    datasets_commands,
    doctor_command,
    erp_commands,
    evaluate_command,
    formats_commands,
    insights_commands,
    keeping_commands,
    migrate_command,
    options,
    plugins_commands,
    presets_commands,
    proof_commands,
    retention_command,
    run_command,
    runs_commands,
    serve_command,
    settings_command,
    submit_command,
    worker_command,
)
from harness_api.cli.session import Session
from harness_core import __version__

app = typer.Typer(
    name="harness", add_completion=False, rich_markup_mode=None, context_settings={"help_option_names": ["--help", "-h"]}
)


@app.callback(invoke_without_command=True)
def harness(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", show_default=False)] = False,
    as_json: options.JsonOption = False,
    home: options.HomeOption = None,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> None:
    """Read a table, run the plugins that apply to it, and report in plain English what is in it, with evidence."""
    session: Session = context.obj
    session.take_common(home=home, quiet=quiet, verbose=verbose)
    if version:
        session.console.document = {"version": __version__}
        session.console.result(f"harness {__version__}")
    elif context.invoked_subcommand is None:
        session.console.result(context.get_help())
    else:
        return
    raise typer.Exit(0)


options.command(app, "run")(run_command.run)
options.command(app, "submit")(submit_command.submit)
options.command(app, "serve")(serve_command.serve)
options.command(app, "worker")(worker_command.worker)
options.command(runs_commands.runs, "settings")(settings_command.show_settings)
app.add_typer(runs_commands.runs)
options.command(datasets_commands.datasets, "roles")(formats_commands.dataset_roles)
app.add_typer(datasets_commands.datasets)
options.command(plugins_commands.plugins, "install")(bundles_commands.install_bundle)
options.command(plugins_commands.plugins, "update")(bundles_commands.update_bundle)
options.command(plugins_commands.plugins, "rollback")(bundles_commands.roll_back)
options.command(plugins_commands.plugins, "pack")(bundles_commands.pack_folder)
app.add_typer(plugins_commands.plugins)
app.add_typer(erp_commands.erp)
app.add_typer(presets_commands.presets)
app.add_typer(formats_commands.formats)
app.add_typer(insights_commands.insights)
options.command(app, "replay")(proof_commands.replay)
options.command(app, "verify")(proof_commands.verify)
options.command(app, "export")(proof_commands.export)
options.command(app, "diag")(proof_commands.diag)
options.command(app, "evaluate")(evaluate_command.evaluate_report)
options.command(app, "doctor")(doctor_command.doctor)
options.command(app, "check")(keeping_commands.check)
options.command(app, "backup")(keeping_commands.backup)
options.command(app, "restore")(keeping_commands.restore)
options.command(app, "retention")(retention_command.retention)
options.command(app, "migrate")(migrate_command.migrate)
