"""The command line: parse, call a job, print. Every flag comes from its setting's own line."""

from __future__ import annotations

import argparse
import errno
import gc
import io
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from napari_cellcycle import __version__
from napari_cellcycle.errors import CellCycleError
from napari_cellcycle.events import Job, Note, Progress, Result, run_job
from napari_cellcycle.jobs.config import (
    AugmentSettings,
    ClassifySettings,
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
    _prepare_streams()
    gc.set_threshold(_FEW_COLLECTIONS)
    try:
        options = build_parser().parse_args(arguments)
        with _terminate_as_interrupt():
            options.command(options)
            sys.stdout.flush()
    except CellCycleError as error:
        _complain(str(error))
        return MENDABLE
    except KeyboardInterrupt as interrupt:
        _complain(str(interrupt) or "stopped; nothing half-done was left behind")
        return INTERRUPTED
    except BrokenPipeError:  # whoever reads our output has seen enough, as head has
        _silence()
    except MemoryError:
        _complain("there is not enough memory; close other programs, or give fewer files at a time")
        return MENDABLE
    except OSError as error:
        if error.errno not in _OF_THE_SYSTEM:
            raise
        what = error.filename or "the output"
        _complain(f"{what} can't be used ({error.strerror}); check its permissions and the free space")
        return MENDABLE
    return OK


def _prepare_streams() -> None:
    """Names of files need not be valid text; and streams that the caller closed are replaced.

    Else the next file that is opened would get their number, and what libraries print would be written into it.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - until this program ends
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _complain(text: str) -> None:
    """Say it, if anybody listens."""
    try:
        print(f"napari-cellcycle: {text}", file=sys.stderr, flush=True)
    except OSError:
        _silence()


def _silence() -> None:
    """Let what is still to be printed go nowhere, or Python complains of the closed pipe when it ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
        except ValueError:  # it is closed
            continue


@contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """A polite request to end (SIGTERM, as of a batch system) is Ctrl-C: temporary files are removed."""
    if threading.current_thread() is not threading.main_thread():  # where no signal arrives
        yield
        return

    def interrupt(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="napari-cellcycle", description="Label-free cell-cycle phases of single cells."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    demo = _command(commands, "demo", _demo, "classify and evaluate the shipped sample: the whole main job")
    demo.add_argument("-o", "--output", type=Path, default=Path("demo"), help="folder for the results (demo)")
    _may_overwrite(demo)
    demo.add_argument("--view", action="store_true", help="show the coloured cells in napari afterwards")

    classify = _command(commands, "classify", _classify, "label each cell with its phase")
    _takes_cells(classify, "folder for phases.csv, summary.json and montage.png")
    _add_settings(classify, ClassifySettings)
    _add_settings(classify, FollowSettings)
    _may_overwrite(classify)
    _add_settings(classify, WorkerSettings)
    classify.add_argument("--resume", action="store_true", help="go on with what an interrupted run has finished")
    classify.add_argument("--json", action="store_true", help="print the summary as JSON")

    populations = _command(commands, "populations", _populations, "phases, DNA content and a map of cells by sample")
    _takes_cells(populations, "folder for populations.csv and the figures", also=", or phases.csv of classify")
    _add_settings(populations, PopulationsSettings)
    _may_overwrite(populations)
    populations.add_argument("--json", action="store_true", help="print populations.csv as JSON, a record a row")

    train = _command(commands, "train", _train, "train a model on labelled cells")
    _takes_cells(train, "folder of the new model")
    _add_settings(train, TrainSettings)
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
    _may_overwrite(evaluate)
    evaluate.add_argument("--json", action="store_true", help="print the figures as JSON")

    following = _command(commands, "next", _next, "list the cells to label next")
    _takes_cells(following, "table to write, with the columns source and cell, in the order of the queue")
    _add_settings(following, NextSettings)
    _may_overwrite(following)

    retrain = _command(commands, "retrain", _retrain, "train a model further on the labels so far, in about a minute")
    _takes_cells(retrain, "folder of the new model")
    _add_settings(retrain, RetrainSettings)

    augment = _command(commands, "augment", _augment, "generate synthetic cells of rare phases, to train with")
    augment.usage = f"{augment.prog} [INPUT...] -o OUT [settings]"
    augment.add_argument("input", nargs="*", type=Path, metavar="INPUT", help="files or folders with real cells")
    augment.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="folder of made.ome.tif and the generator"
    )
    _add_settings(augment, ReadSettings)
    _add_settings(augment, AugmentSettings)
    augment.add_argument(
        "--json", action="store_true", help="print the measured quality of the synthetic cells as JSON"
    )
    augment.epilog = (
        "Ctrl-C stops training and generates cells with the generator in its present state; a second one abandons it."
    )

    label = _command(commands, "label", _label, "label the cells of a stained control by their stain")
    _takes_cells(label, "folder for labels.csv, gates.json and labels.html")
    _add_settings(label, LabelSettings)
    _may_overwrite(label)
    label.add_argument("--json", action="store_true", help="print gates, fit and numbers of cells as JSON")
    label.epilog = "The labels are also kept in the folder of the data, where train and evaluate find them."

    info = _command(commands, "info", _info, "show what is in files: cells, channels, sizes, phases, problems")
    info.add_argument("input", nargs="+", type=Path, metavar="FILE")
    _add_settings(info, ReadSettings)
    info.add_argument("--model", metavar="MODEL", help="say whether this model fits the cells; it sees some of them")
    info.add_argument("--json", action="store_true", help="print it as JSON")

    convert = _command(commands, "convert", _convert, "write cells of any input as one OME-TIFF or OME-Zarr stack")
    _takes_cells(convert, "stack to write: OUT.ome.tif or OUT.zarr, with a table OUT.csv next to it")
    _may_overwrite(convert)

    models = _command(commands, "models", _models, "list the models that can be loaded, with their cards")
    models.add_argument("folder", nargs="*", type=Path, help="folders written by train, to list too")
    models.add_argument("--json", action="store_true", help="print the cards as JSON")
    return parser


def _command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], None], help_line: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=help_line, description=f"{help_line[0].upper()}{help_line[1:]}."
    )
    parser.set_defaults(command=run)
    return parser


def _takes_cells(parser: argparse.ArgumentParser, output_help: str, *, also: str = "") -> None:
    parser.usage = f"{parser.prog} INPUT... -o OUT [settings]"
    parser.add_argument("input", nargs="+", type=Path, metavar="INPUT", help=f"files or folders with cells{also}")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help=output_help)
    _add_settings(parser, ReadSettings)


def _may_overwrite(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--overwrite", action="store_true", help="replace what an earlier run wrote to OUT")


def _add_settings(parser: argparse.ArgumentParser, kind: type[Settings]) -> None:
    """One flag for each setting; a flag that is not given leaves no trace in the options."""
    for item in settings_in(kind).values():
        _add_flag(parser, item, item.default)
    if issubclass(kind, SettingsOfRecipe):
        group = parser.add_argument_group("training, where it differs from the source")
        for item in kind.overridable().values():
            _add_flag(group, item, None)


def _add_flag(parser: Any, item: Setting, default: Any) -> None:
    """Add the flag of a setting. Its default stands behind the help, but where it is None, empty or False.

    The options hold texts, which `_given` reads: argparse itself would replace the sentence that says what is wrong.
    """
    shown = "" if default is None or default is False else item.write(default)
    text = item.options["tooltip"].replace("%", "%%") + (f" ({shown})" if shown != "" else "")
    how: dict[str, Any] = {"default": argparse.SUPPRESS, "help": text}
    if item.kind is bool:
        how["action"] = "store_true" if default is False else argparse.BooleanOptionalAction
    else:
        what = "NUMBER" if item.options.get("min") is not None else item.name.rpartition("_")[2].upper()
        how["metavar"] = "|".join(item.options.get("choices", [what]))
    names = ["-n"] if item.name == "n_cells" else []
    parser.add_argument(*names, f"--{item.flag}", **how)


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
    with _resumable(options.output):
        done = _show(
            classify_files(
                options.input,
                options.output,
                settings,
                reading,
                following,
                workers,
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
    done = _show(populations_of_files(options.input, options.output, settings, reading, overwrite=options.overwrite))
    if options.json:
        print(done.populations.to_table().to_json(orient="records", indent=2))
    else:
        print(f"{done.populations}\nwritten to {done.folder}: {', '.join(done.figures)}, each as png, svg and csv")


def _train(options: argparse.Namespace) -> None:
    from napari_cellcycle.jobs.train import train_files

    settings, reading = _settings(TrainSettings, options), _settings(ReadSettings, options)
    with _resumable(options.output), _StopAtInterrupt() as interrupt:
        model = _show(train_files(options.input, options.output, settings, reading, stop=interrupt.came))
    facts = model.card.training
    if interrupt.came():
        which = f"the best weights, of epoch {facts['best_epoch']}, were written to {options.output}"
        print(f"{model.name}: stopped after epoch {facts['epochs_done']}; {which}")
    else:
        print(f"{model.name}: trained on {facts['n_cells']} cells, written to {options.output}")


def _train_finder(options: argparse.Namespace) -> None:
    from napari_cellcycle.jobs.train_finder import train_finder_files

    settings, reading = _settings(FinderSettings, options), _settings(ReadSettings, options)
    with _StopAtInterrupt() as interrupt:
        finder = _show(train_finder_files(options.input, options.output, settings, reading, stop=interrupt.came))
    print(f"{finder.name}: a finder for {finder.channel}, {finder.card.quality}; written to {options.output}")


@contextmanager
def _resumable(output: Path) -> Iterator[None]:
    """Say how an abandoned run can be continued, if it left what that needs."""
    from napari_cellcycle.store.checkpoints import unfinished_folder

    try:
        yield
    except KeyboardInterrupt:
        if unfinished_folder(output).exists():
            raise KeyboardInterrupt("abandoned; the same command with --resume continues it") from None
        raise


class _StopAtInterrupt:
    """The first Ctrl-C after `came` was asked for makes it true; any other one interrupts as usual."""

    def __init__(self) -> None:
        self._is_asked_for = self._came = False

    def came(self) -> bool:
        self._is_asked_for = True
        return self._came

    def __enter__(self) -> _StopAtInterrupt:
        self._before = signal.signal(signal.SIGINT, self._on_interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _on_interrupt(self, *_: object) -> None:
        if self._came or not self._is_asked_for:
            raise KeyboardInterrupt
        self._came = True
        print("\nnapari-cellcycle: stopping; press Ctrl-C again to abandon", file=sys.stderr)


def _evaluate(options: argparse.Namespace) -> None:
    from napari_cellcycle.jobs.evaluate import evaluate_files

    settings, reading = _settings(EvaluateSettings, options), _settings(ReadSettings, options)
    done = _show(evaluate_files(options.input, options.output, settings, reading, overwrite=options.overwrite))
    if options.json:
        figures = {name: report.to_dict() for name, report in done.reports.items()}
        print(json.dumps(figures if len(figures) > 1 else next(iter(figures.values())), indent=2))
    else:
        print(f"{done}\nwritten to {options.output}")


def _next(options: argparse.Namespace) -> None:
    from napari_cellcycle.jobs.next_cells import next_files

    settings, reading = _settings(NextSettings, options), _settings(ReadSettings, options)
    table = _show(next_files(options.input, options.output, settings, reading, overwrite=options.overwrite))
    print(f"{len(table)} cells of the queue {settings.queue}, written to {options.output}")


def _retrain(options: argparse.Namespace) -> None:
    from napari_cellcycle.jobs.retrain import retrain_files

    settings, reading = _settings(RetrainSettings, options), _settings(ReadSettings, options)
    with _StopAtInterrupt() as interrupt:
        done = _show(retrain_files(options.input, options.output, settings, reading, stop=interrupt.came))
    print(f"{options.output.name}: trained on {done.n_trained} cells, written to {options.output}; {done.text}")


def _augment(options: argparse.Namespace) -> None:
    from napari_cellcycle.jobs.augment import SYNTHETIC_FILE, augment_files

    settings, reading = _settings(AugmentSettings, options), _settings(ReadSettings, options)
    with _resumable(options.output), _StopAtInterrupt() as interrupt:
        done = _show(augment_files(options.input, options.output, settings, reading, stop=interrupt.came))
    if options.json:
        print(json.dumps(None if done.quality is None else done.quality.to_dict(), indent=2))
        return
    if done.quality is not None:
        print(done.quality)
    print(f"{len(done.cells)} synthetic cells written to {options.output / SYNTHETIC_FILE}; give them to train")


def _label(options: argparse.Namespace) -> None:
    from napari_cellcycle.jobs.label_by_stain import PAGE, label_files

    settings, reading = _settings(LabelSettings, options), _settings(ReadSettings, options)
    done = _show(label_files(options.input, options.output, settings, reading, overwrite=options.overwrite))
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

    done = _show(run_demo(options.output, overwrite=options.overwrite))
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
    checked = _show(check_fit(options.input, options.model, settings)) if options.model else None
    if options.json:
        print(json.dumps(found.to_dict() | ({} if checked is None else checked.to_dict()), indent=2))
    else:
        print(found.to_text() if checked is None else f"{checked.text}\n{found.to_text()}")


def _convert(options: argparse.Namespace) -> None:
    from napari_cellcycle.jobs.convert import convert_files

    reading = _settings(ReadSettings, options)
    done = _show(convert_files(options.input, options.output, reading, overwrite=options.overwrite))
    print(f"{done.n_cells} cells written to {done.path}, their sources to {done.table}")


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
    from napari_cellcycle.phases import PHASE_LABELS, phase_label

    called, verdict = done.prediction.phases[counted_cells(done.prediction)], done.prediction.verdict
    if verdict is not None:
        print(verdict.text)
    print(f"{len(done.prediction)} cells classified with {done.card.name}, written to {done.folder}")
    if not (done.prediction.is_reliable or force):
        print("  the shares of the phases are withheld, as they mean nothing; --force shows them")
        return
    for number in range(len(PHASE_LABELS) + 1):
        count = int((called == number).sum())
        if count or number < len(PHASE_LABELS):
            print(f"  {phase_label(number):<10} {count:>7}  {count / len(called):6.1%}")


def _show(job: Job[Any, Result]) -> Result:
    """Run a job, show its progress on a terminal, print its notes, and return its result."""
    from tqdm import tqdm

    with ExitStack() as bars:
        bar, what = None, ""

        def show(event: object) -> None:
            nonlocal bar, what
            if isinstance(event, Progress):
                if event.what != what or bar is None:
                    bars.close()
                    what = event.what
                    bar = bars.enter_context(tqdm(total=event.total, desc=what, disable=None, leave=False))
                bar.update(event.done - bar.n)
            elif isinstance(event, Note):
                try:
                    tqdm.write(f"note: {event.text}", file=sys.stderr)
                except OSError:  # nobody listens; the work goes on
                    _silence()
            elif bar is not None:
                bar.set_postfix_str(_brief(event))

        return run_job(job, show)


def _brief(event: object) -> str:
    from napari_cellcycle.training.classifier import EpochDone
    from napari_cellcycle.training.gan.loop import GanStep

    if isinstance(event, EpochDone):
        return f"epoch {event.epoch}, loss {event.validation_loss:.3f}, macro F1 {event.validation_macro_f1:.3f}"
    if isinstance(event, GanStep):
        return f"critic tells real from synthetic by {event.critic_gap:.2f}"
    return str(event)


if __name__ == "__main__":
    sys.exit(main())
