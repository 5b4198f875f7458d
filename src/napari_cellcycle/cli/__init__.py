"""The command line: parse, call a job, print. Every flag comes from its setting's own line."""

from __future__ import annotations

import argparse
import errno
import gc
import json
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from napari_cellcycle import __version__
from napari_cellcycle.cli.completion import choices_of, complete, model_names
from napari_cellcycle.cli.ends import (
    StopAtInterrupt,
    complain,
    prepare_streams,
    resumable,
    silence,
    terminate_as_interrupt,
)
from napari_cellcycle.cli.inputs import given_inputs
from napari_cellcycle.cli.progress import Talk, show_job, talk
from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.jobs.config import (
    AugmentSettings,
    ClassifySettings,
    CompareSettings,
    EvaluateSettings,
    FinderSettings,
    FollowSettings,
    LabelSettings,
    NextSettings,
    PopulationsSettings,
    ReadSettings,
    RetrainSettings,
    TrainSettings,
    WorkerSettings,
)
from napari_cellcycle.settings_base import Setting, Settings, SettingsOfRecipe, settings_in

AnySettings = TypeVar("AnySettings", bound=Settings)
OK, MENDABLE, INTERRUPTED = 0, 2, 130  # 1 is Python's own, for a bug with its traceback
_OF_THE_SYSTEM = {
    getattr(errno, name, None)
    for name in "EACCES EPERM EROFS ENOSPC EDQUOT EFBIG EIO ESTALE ENAMETOOLONG EMFILE ENFILE ENODEV ENXIO".split()
}
"""What the system may refuse wherever a file is used: it is no bug."""
_FEW_COLLECTIONS = 100_000
"""New objects after which Python looks for garbage. To import torch makes far more of them than Python's usual 700, and
all of them stay: to look through them again and again is a sixth of the start."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code is 0 when done, 2 for what the user can mend, and 130 when it was interrupted."""
    prepare_streams()
    gc.set_threshold(_FEW_COLLECTIONS)
    try:
        parser = build_parser()
        complete(parser)
        options = parser.parse_args(arguments)
        talk.set(Talk(options.talk))
        if "inputs_from" in options:
            options.input = given_inputs(options.input, options.inputs_from, needed=options.needs_input)
        with terminate_as_interrupt():
            options.command(options)
            sys.stdout.flush()
    except CellCycleError as error:
        if talk.get() is Talk.VERBOSE:
            traceback.print_exc()
        complain(str(error))
        return MENDABLE
    except KeyboardInterrupt as interrupt:
        complain(str(interrupt) or "stopped; nothing half-done was left behind")
        return INTERRUPTED
    except BrokenPipeError:  # whoever reads our output has seen enough, as head has
        silence()
    except MemoryError:
        complain("there is not enough memory; close other programs, or give fewer files at a time")
        return MENDABLE
    except OSError as error:
        if error.errno not in _OF_THE_SYSTEM:
            raise
        what = error.filename or "the output"
        complain(f"{what} can't be used ({error.strerror}); check its permissions and the free space")
        return MENDABLE
    return OK


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="napari-cellcycle", description="Label-free cell-cycle phases of single cells."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    demo = _command(commands, "demo", _demo, "classify and evaluate the shipped sample: the whole main job")
    demo.add_argument("-o", "--output", type=Path, default=Path("demo"), help="folder for the results (default: demo)")
    _may_overwrite(demo)
    _switch(demo, "--view", "show the coloured cells in napari afterwards")

    classify = _command(commands, "classify", _classify, "label each cell with its phase")
    _takes_cells(classify, "folder for phases.csv, summary.json and montage.png")
    _add_settings(classify, ClassifySettings)
    _add_settings(classify, FollowSettings)
    _add_settings(classify, CompareSettings)
    _may_overwrite(classify)
    _add_settings(classify, WorkerSettings)
    _switch(classify, "--resume", "go on with what an interrupted run has finished")
    _switch(classify, "--json", "print the summary as JSON")

    populations = _command(commands, "populations", _populations, "phases, DNA content and a map of cells by sample")
    _takes_cells(populations, "folder for populations.csv and the figures", also=", or phases.csv of classify")
    _add_settings(populations, PopulationsSettings)
    _may_overwrite(populations)
    _switch(populations, "--json", "print populations.csv as JSON, a record a row")

    train = _command(commands, "train", _train, "train a model on labelled cells")
    _takes_cells(train, "folder of the new model")
    _add_settings(train, TrainSettings)
    _add_settings(train, FollowSettings)
    train.epilog = "Ctrl-C stops training and keeps the best weights so far; a second one abandons it."

    finder = _command(commands, "train-finder", _train_finder, "train a finder of cells or nuclei on labelled fields")
    _takes_cells(
        finder,
        "folder of a model that gets the finder, or a new folder",
        also=", full-field images with labels or stain",
    )
    _add_settings(finder, FinderSettings)
    finder.epilog = "Ctrl-C stops training and keeps what was learned so far; a second one abandons it."

    evaluate = _command(commands, "evaluate", _evaluate, "test a model, or by --cv a way of training")
    _takes_cells(evaluate, "folder for the report")
    _add_settings(evaluate, EvaluateSettings)
    _add_settings(evaluate, WorkerSettings)
    _add_settings(evaluate, FollowSettings)
    _may_overwrite(evaluate)
    _switch(evaluate, "--json", "print the figures as JSON")

    following = _command(commands, "next", _next, "list the cells to label next")
    _takes_cells(following, "table to write, with the columns source and cell, in the order of the queue")
    _add_settings(following, NextSettings)
    _may_overwrite(following)

    retrain = _command(commands, "retrain", _retrain, "train a model further on the labels so far, in about a minute")
    _takes_cells(retrain, "folder of the new model")
    _add_settings(retrain, RetrainSettings)

    augment = _command(commands, "augment", _augment, "generate synthetic cells of rare phases, to train with")
    augment.usage = f"{augment.prog} [INPUT...] -o OUT [settings]"
    _add_inputs(augment, "files or folders with real cells", needed=False)
    augment.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="folder of made.ome.tif and the generator"
    )
    _add_settings(augment, ReadSettings)
    _add_settings(augment, AugmentSettings)
    _add_settings(augment, WorkerSettings)
    _switch(augment, "--json", "print the measured quality of the synthetic cells as JSON")
    augment.epilog = (
        "Ctrl-C stops training and generates cells with the generator in its present state; a second one abandons it."
    )

    label = _command(commands, "label", _label, "label the cells of a stained control by their stain")
    _takes_cells(label, "folder for labels.csv, gates.json and labels.html")
    _add_settings(label, LabelSettings)
    _may_overwrite(label)
    _switch(label, "--json", "print gates, fit and numbers of cells as JSON")
    label.epilog = "The labels are also kept in the folder of the data, where train and evaluate find them."

    info = _command(commands, "info", _info, "show what is in files: cells, channels, sizes, phases, problems")
    info.usage = f"{info.prog} INPUT... [settings]"
    _add_inputs(info, "files or folders")
    _add_settings(info, ReadSettings)
    fitting = info.add_argument(
        "--model",
        metavar="MODEL",
        help="say whether this model fits; it sees some of the cells (default: not set)",
    )
    fitting.completer = model_names  # type: ignore[attr-defined]  # argcomplete looks for it there
    _switch(info, "--json", "print it as JSON")

    convert = _command(commands, "convert", _convert, "write cells of any input as one OME-TIFF or OME-Zarr stack")
    _takes_cells(convert, "stack to write: OUT.ome.tif or OUT.zarr, with a table OUT.csv next to it")
    _may_overwrite(convert)

    export = _command(commands, "export", _export, "write a model for other programs: as ONNX, or for BioImage.IO")
    which = export.add_argument("model", metavar="MODEL", help="name of a model, or a folder written by train")
    which.completer = model_names  # type: ignore[attr-defined]
    export.add_argument(
        "--to",
        metavar="onnx|bioimageio",
        default="onnx",
        help="ONNX file, or package of BioImage.IO (default: onnx)",
    )
    export.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="file to write: OUT.onnx or OUT.zip"
    )
    _may_overwrite(export)

    models = _command(commands, "models", _models, "list the models that can be loaded, with their cards")
    models.add_argument("folder", nargs="*", type=Path, help="folders written by train, to list too")
    _switch(models, "--json", "print the cards as JSON")
    return parser


def _command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], None], help_line: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help_line, description=f"{help_line[0].upper()}{help_line[1:]}."
    )
    parser.set_defaults(command=run)
    how_much = parser.add_mutually_exclusive_group()
    how_much.add_argument(
        "-q", "--quiet", dest="talk", action="store_const", const=Talk.QUIET, default=Talk.USUAL,
        help="say nothing on the way: no notes, no progress bars",
    )  # fmt: skip
    how_much.add_argument(
        "-v", "--verbose", dest="talk", action="store_const", const=Talk.VERBOSE, default=Talk.USUAL,
        help="say each step with its time, and where an error comes from",
    )  # fmt: skip
    return parser


def _takes_cells(parser: argparse.ArgumentParser, output_help: str, *, also: str = "") -> None:
    parser.usage = f"{parser.prog} INPUT... -o OUT [settings]"
    _add_inputs(parser, f"files or folders with cells{also}")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help=output_help)
    _add_settings(parser, ReadSettings)


def _add_inputs(parser: argparse.ArgumentParser, help_line: str, *, needed: bool = True) -> None:
    """Inputs by name, by pattern or in a list; `main` makes one list of them."""
    parser.add_argument(
        "input", nargs="*", type=Path, metavar="INPUT", help=f"{help_line}; patterns such as plate/*.cif, too"
    )
    parser.add_argument(
        "--inputs-from", action="append", default=[], metavar="LIST",
        help="text file with more inputs, one a line; - reads them from standard input (default: not set)",
    )  # fmt: skip
    parser.set_defaults(needs_input=needed)


def _switch(parser: argparse.ArgumentParser, name: str, text: str) -> None:
    parser.add_argument(name, action="store_true", help=f"{text} (default: no)")


def _may_overwrite(parser: argparse.ArgumentParser) -> None:
    _switch(parser, "--overwrite", "replace what an earlier run wrote to OUT")


def _add_settings(parser: argparse.ArgumentParser, kind: type[Settings]) -> None:
    """One flag for each setting; a flag that is not given leaves no trace in the options."""
    for item in settings_in(kind).values():
        _add_flag(parser, item, _default_text(item))
    if issubclass(kind, SettingsOfRecipe):
        group = parser.add_argument_group("training, where it differs from the source")
        for item in kind.overridable().values():
            _add_flag(group, item, "as in --method" if "method" in settings_in(kind) else "as in --model")


def _default_text(item: Setting) -> str:
    default = item.write(item.default)
    if item.kind is bool:
        return "yes" if default else "no"
    return "not set" if default in (None, "") else str(default)


def _add_flag(parser: Any, item: Setting, default: str) -> None:
    """Add the flag of a setting, with its default behind the help.

    The options hold texts, which `_given` reads: argparse itself would replace the sentence that says what is wrong.
    """
    text = f"{item.options['tooltip']} (default: {default})"
    how: dict[str, Any] = {"default": argparse.SUPPRESS, "help": text.replace("%", "%%")}
    if item.kind is bool:
        how["action"] = "store_true" if default == "no" else argparse.BooleanOptionalAction
    else:
        what = "NUMBER" if item.options.get("min") is not None else item.name.rpartition("_")[2].upper()
        how["metavar"] = "|".join(item.options.get("choices", [what]))
    names = ["-n"] if item.name == "n_cells" else []
    action = parser.add_argument(*names, f"--{item.flag}", **how)
    if completer := choices_of(item):
        action.completer = completer


def _settings(kind: type[AnySettings], options: argparse.Namespace) -> AnySettings:
    """The settings of a job, from the flags that were given."""
    given = _given(settings_in(kind), options)
    if issubclass(kind, SettingsOfRecipe):
        given["overrides"] = _given(kind.overridable(), options)
    return kind(**given)


def _given(known: Mapping[str, Setting], options: argparse.Namespace) -> dict[str, Any]:
    found = {name: value for name, value in vars(options).items() if name in known}
    return {name: known[name].read(value) if isinstance(value, str) else value for name, value in found.items()}


def _classify(options: argparse.Namespace) -> None:
    from napari_cellcycle.jobs.classify import classify_files, summarise

    settings, reading = _settings(ClassifySettings, options), _settings(ReadSettings, options)
    following, workers = _settings(FollowSettings, options), _settings(WorkerSettings, options)
    comparing = _settings(CompareSettings, options)
    with resumable(options.output):
        done = show_job(
            classify_files(
                options.input,
                options.output,
                settings,
                reading,
                following,
                workers,
                comparing,
                overwrite=options.overwrite,
                resume=options.resume,
            )
        )
    if options.json:
        print(json.dumps(summarise(done.prediction, done.card, {}, force=settings.force), indent=2))
    else:
        _print_phases(done, force=settings.force)
        if done.followed is not None and done.decoded is not None:
            from napari_cellcycle.jobs.follow import text_of_tracks

            print(text_of_tracks(done.followed, done.decoded, durations=done.prediction.is_reliable or settings.force))


def _populations(options: argparse.Namespace) -> None:
    from napari_cellcycle.jobs.populations import populations_of_files

    settings, reading = _settings(PopulationsSettings, options), _settings(ReadSettings, options)
    done = show_job(populations_of_files(options.input, options.output, settings, reading, overwrite=options.overwrite))
    if options.json:
        print(done.populations.to_table().to_json(orient="records", indent=2))
    else:
        print(f"{done.populations}\nwritten to {done.folder}: {', '.join(done.figures)}, each as png, svg and csv")


def _train(options: argparse.Namespace) -> None:
    from napari_cellcycle.jobs.train import train_files

    settings, reading = _settings(TrainSettings, options), _settings(ReadSettings, options)
    following = _settings(FollowSettings, options)
    with resumable(options.output), StopAtInterrupt() as interrupt:
        if following.tracks is None:
            job: Any = train_files(options.input, options.output, settings, reading, stop=interrupt.came)
        else:
            from napari_cellcycle.jobs.train_tracks import train_on_tracks

            job = train_on_tracks(options.input, options.output, settings, following, reading, stop=interrupt.came)
        model = show_job(job)
    facts = model.card.training
    if interrupt.came():
        which = f"the best weights, of epoch {facts['best_epoch']}, were written to {options.output}"
        print(f"{model.name}: stopped after epoch {facts['epochs_done']}; {which}")
    else:
        print(f"{model.name}: trained on {facts['n_cells']} cells, written to {options.output}")


def _train_finder(options: argparse.Namespace) -> None:
    from napari_cellcycle.jobs.train_finder import train_finder_files

    settings, reading = _settings(FinderSettings, options), _settings(ReadSettings, options)
    with StopAtInterrupt() as interrupt:
        finder = show_job(train_finder_files(options.input, options.output, settings, reading, stop=interrupt.came))
    print(f"{finder.name}: a finder for {finder.channel}, {finder.card.quality}; written to {options.output}")


def _evaluate(options: argparse.Namespace) -> None:
    from napari_cellcycle.jobs.evaluate import evaluate_files

    settings, reading = _settings(EvaluateSettings, options), _settings(ReadSettings, options)
    following = _settings(FollowSettings, options)
    if following.tracks is not None:
        _evaluate_tracks(options, settings, following, reading)
        return
    workers = _settings(WorkerSettings, options)
    done = show_job(
        evaluate_files(options.input, options.output, settings, reading, workers, overwrite=options.overwrite)
    )
    if options.json:
        figures = {name: report.to_dict() for name, report in done.reports.items()}
        print(json.dumps(figures if len(figures) > 1 else next(iter(figures.values())), indent=2))
    else:
        print(f"{done}\nwritten to {options.output}")


def _evaluate_tracks(
    options: argparse.Namespace, settings: EvaluateSettings, following: FollowSettings, reading: ReadSettings
) -> None:
    from napari_cellcycle.jobs.evaluate_tracks import evaluate_tracks

    where = options.output
    report = show_job(evaluate_tracks(options.input, where, settings, following, reading, overwrite=options.overwrite))
    if options.json:
        print(json.dumps({"single_frames": report.raw.to_dict(), "along_tracks": report.decoded.to_dict()}, indent=2))
    else:
        print(f"{report}\nwritten to {where}")


def _next(options: argparse.Namespace) -> None:
    from napari_cellcycle.jobs.next_cells import next_files

    settings, reading = _settings(NextSettings, options), _settings(ReadSettings, options)
    table = show_job(next_files(options.input, options.output, settings, reading, overwrite=options.overwrite))
    print(f"{len(table)} cells of the queue {settings.queue}, written to {options.output}")


def _retrain(options: argparse.Namespace) -> None:
    from napari_cellcycle.jobs.retrain import retrain_files

    settings, reading = _settings(RetrainSettings, options), _settings(ReadSettings, options)
    with StopAtInterrupt() as interrupt:
        done = show_job(retrain_files(options.input, options.output, settings, reading, stop=interrupt.came))
    print(f"{options.output.name}: trained on {done.n_trained} cells, written to {options.output}; {done.text}")


def _augment(options: argparse.Namespace) -> None:
    from napari_cellcycle.jobs.augment import SYNTHETIC_FILE, augment_files

    settings, reading = _settings(AugmentSettings, options), _settings(ReadSettings, options)
    with resumable(options.output), StopAtInterrupt() as interrupt:
        workers = _settings(WorkerSettings, options)
        done = show_job(augment_files(options.input, options.output, settings, reading, workers, stop=interrupt.came))
    if options.json:
        print(json.dumps(None if done.quality is None else done.quality.to_dict(), indent=2))
        return
    if done.quality is not None:
        print(done.quality)
    print(f"{len(done.cells)} synthetic cells written to {options.output / SYNTHETIC_FILE}; give them to train")


def _label(options: argparse.Namespace) -> None:
    from napari_cellcycle.jobs.label_by_stain import PAGE, label_files

    settings, reading = _settings(LabelSettings, options), _settings(ReadSettings, options)
    done = show_job(label_files(options.input, options.output, settings, reading, overwrite=options.overwrite))
    if options.json:
        print(json.dumps(done.to_dict(), indent=2))
        return
    n_sure = int(done.gated.sure.sum())
    print(f"{n_sure:,} of {len(done.cells):,} cells labelled by {' and '.join(done.channels)}, the others are unsure")
    for name, count in done.counts.items():
        print(f"  {name:<10} {count:>7}  {count / len(done.cells):6.1%}")
    print(f"the labels are kept in the folder of the data; look at {options.output / PAGE}")


def _demo(options: argparse.Namespace) -> None:
    from napari_cellcycle.jobs.demo import run_demo

    done = show_job(run_demo(options.output, overwrite=options.overwrite))
    _print_phases(done.classified)
    print(f"{done.report}\nlook at {options.output / 'montage.png'} and {options.output / 'report.html'}")
    if options.view:
        from napari_cellcycle.gui.demo_window import show_sample

        show_sample()


def _info(options: argparse.Namespace) -> None:
    from napari_cellcycle.jobs.check_fit import check_fit
    from napari_cellcycle.jobs.read import describe_cells

    settings = _settings(ReadSettings, options)
    found = describe_cells(options.input, settings)
    checked = show_job(check_fit(options.input, options.model, settings)) if options.model else None
    if options.json:
        print(json.dumps(found.to_dict() | ({} if checked is None else checked.to_dict()), indent=2))
    else:
        print(found.to_text() if checked is None else f"{checked.text}\n{found.to_text()}")


def _convert(options: argparse.Namespace) -> None:
    from napari_cellcycle.jobs.convert import convert_files

    reading = _settings(ReadSettings, options)
    done = show_job(convert_files(options.input, options.output, reading, overwrite=options.overwrite))
    print(f"{done.n_cells} cells written to {done.path}, their sources to {done.table}")


def _export(options: argparse.Namespace) -> None:
    from napari_cellcycle.jobs.export import export_model

    path = show_job(export_model(options.model, options.output, options.to, overwrite=options.overwrite))
    print(f"{options.model} written to {path}")


def _models(options: argparse.Namespace) -> None:
    from napari_cellcycle.store.finders import list_finders
    from napari_cellcycle.store.models import damaged_models, list_models, load_card

    cards = [*list_models(), *(load_card(folder) for folder in options.folder)]
    if options.json:
        print(json.dumps([json.loads(card.to_json()) for card in cards], indent=2))
    else:
        print("\n\n".join(card.to_text() for card in cards))
        for finder in list_finders():
            print(f"\nfinder {finder.name}: {finder.description}\n  tested     {finder.quality}")
    for name, reason in damaged_models().items():
        print(f"{name}: damaged: {reason}", file=sys.stderr if options.json else sys.stdout)


def _print_phases(done: Any, *, force: bool = False) -> None:
    from napari_cellcycle.evaluation.phase_fractions import counted_cells

    called, verdict = done.prediction.phases[counted_cells(done.prediction)], done.prediction.verdict
    if verdict is not None:
        print(verdict.text)
    print(f"{len(done.prediction)} cells classified with {done.card.name}, written to {done.folder}")
    if not (done.prediction.is_reliable or force):
        print("  the shares of the phases are withheld, as they mean nothing; --force shows them")
        return
    phases = done.prediction.phase_set
    for number, name in enumerate(phases.all_names):
        count = int((called == number).sum())
        if count or number < len(phases):
            print(f"  {name:<10} {count:>7}  {count / len(called):6.1%}")
