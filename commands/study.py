"""The runs of a study, each a process of its own, and what their scores say of the variants."""

import argparse
import sys
from pathlib import Path

from commands.output_files import make_folder
from utils.ablation import plot
from utils.ablation.counts import read_counts
from utils.ablation.spec import Spec, read_spec
from utils.ablation.study import Runs, compare
from utils.ablation.tables import latex, markdown, table_csv
from utils.ablation.variants import FREE
from utils.errors import UserError
from utils.markers import insert
from utils.processes import Run, train_all
from utils.recipe import load_config
from utils.whole_file import whole_file


def run_study(study: str, args: argparse.Namespace) -> None:
    """Train what is not finished, and write the tables and the picture of what is.

    Raises:
        UserError: a mistake in the study, found before any training.
        SystemExit: 1, a run failed; the tables are made of the others, and say so.
    """
    spec = read_spec(study)
    folder = args.output_dir or Path("runs/ablations") / spec.name
    runs = {(variant, seed): Run(folder / of.folder / str(seed), spec.recipe, (*of.flags, "--seed", str(seed)))
            for seed in spec.seeds for variant, of in spec.variants.items()}
    for (variant, seed), run in runs.items():
        check_settings(run, spec.variants[variant].settings(seed))
    if args.write:
        write(args.write, spec, "")  # has the markers
    if args.dry_run:
        for run in runs.values():
            print("finished" if run.done else "go on   " if run.started else "train   ", *run.command[1:])
        return
    make_folder(folder)
    failed = train_all(list(runs.values()), args.jobs)
    counts = read_all(spec, runs, failed)
    if counts:
        show(spec, counts, folder, args.write)
    for run, line in failed.items():
        print(f"failed: {run.folder}: {line}", file=sys.stderr)
    if failed:
        raise SystemExit(1)


def check_settings(run: Run, asked: dict) -> None:
    """
    Raises:
        UserError: the run was begun with other settings.
    """
    if not run.started:
        return
    then = load_config(str(run.folder / "config.yaml")).flat()
    changed = [f"{key} {then.get(key)} -> {asked.get(key)}" for key in (then | asked)
               if key not in FREE and then.get(key) != asked.get(key)]
    if changed:
        raise UserError(f"{run.folder}: holds a run with other settings ({'; '.join(changed)}); delete it, or give "
                        "another --output-dir")


def read_all(spec: Spec, runs: dict[tuple[str, int], Run], failed: dict[Run, str]) -> Runs:
    """The counts of each run that has come to its end; one that cannot be read joins the failed."""
    found: Runs = {}
    for key, run in runs.items():
        if run in failed:
            continue
        try:
            found[key] = read_counts(run.folder, spec.split, [spec.metric, *spec.also])
        except UserError as error:
            failed[run] = str(error)
    return found


def show(spec: Spec, counts: Runs, folder: Path, page: Path | None) -> None:
    study = compare(spec, counts)
    for suffix, text in (("md", markdown(study)), ("tex", latex(study)), ("csv", table_csv(study))):
        (folder / f"table.{suffix}").write_text(text, encoding="utf-8")
    plot.save(study, folder)
    if page:
        write(page, spec, markdown(study))
    print(markdown(study), end="")
    print(f"{folder}/table.md, .tex, .csv; differences.png, .svg", file=sys.stderr)


def write(page: Path, spec: Spec, table: str) -> None:
    """Put the table between the page's markers; an empty one only looks for them.

    Raises:
        UserError: no such file, or it lacks the markers.
    """
    try:
        text = insert(page.read_text(encoding="utf-8"), f"ablation {spec.name}", table)
        if table:
            with whole_file(page) as file:
                file.write(text)
    except OSError as error:
        raise UserError(f"--write {page}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"--write {page}: not UTF-8") from None
    except UserError as error:
        raise UserError(f"--write {page}: {error}") from None
