"""A manifest with its variables and ops files, printed."""

from __future__ import annotations

from typing import Annotated

import typer

from bosh.cli import session as sessions
from bosh.cli import templates
from bosh.cli.templates import OpsFiles, VarFiles, Vars, VarsEnv, VarsFiles, VarsStore
from bosh.manifest import documents
from bosh.manifest.interpolate import evaluate, rendered


def interpolate(
    context: typer.Context,
    manifest: Annotated[str, typer.Argument(metavar="PATH", help="Path to a template that will be interpolated")],
    var: Vars = None,
    var_file: VarFiles = None,
    vars_file: VarsFiles = None,
    vars_env: VarsEnv = None,
    vars_store: VarsStore = None,
    ops_file: OpsFiles = None,
    path: Annotated[
        str, typer.Option("--path", metavar="OP-PATH", help="Extract value out of template (e.g.: /private_key)")
    ] = "",
    var_errs: Annotated[
        bool, typer.Option("--var-errs", help="Expect all variables to be found, otherwise error")
    ] = False,
    var_errs_unused: Annotated[
        bool, typer.Option("--var-errs-unused", help="Expect all variables to be used, otherwise error")
    ] = False,
) -> None:
    ui = sessions.of(context).ui
    template = templates.Template.read(manifest, var, var_file, vars_file, vars_env, vars_store, ops_file)
    document = documents.load(template.text, manifest, allow_duplicates=True).value
    value = evaluate(
        document,
        template.variables,
        template.ops,
        path=path,
        expect_all_found=var_errs,
        expect_all_used=var_errs_unused,
    )
    ui.block(rendered(value, path=path))
