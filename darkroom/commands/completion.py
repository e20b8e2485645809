"""completion: the script by which a shell completes the commands."""

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that completes commands and options.

    bash and zsh: eval "$(darkroom completion bash)" in ~/.bashrc, or with zsh in ~/.zshrc.
    fish: darkroom completion fish > ~/.config/fish/completions/darkroom.fish
    """
    found = get_completion_class(shell)
    if found is not None:
        click.echo(found(ctx.find_root().command, {}, "darkroom", "_DARKROOM_COMPLETE").source())
