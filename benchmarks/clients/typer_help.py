"""The smallest Typer app there is, to compare help with."""

import typer

app = typer.Typer()


@app.command()
def hello(name: str, count: int = 1) -> None:
    """Say hello."""
    typer.echo(f"hello {name} " * count)


app()
