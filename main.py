"""CamXuc: learn emotion in video with CLIP, and aspect sentiment in reviews.

    python main.py train RECIPE [flags]             train; RECIPE is a name in configs/ or a YAML file
    python main.py eval RUN [--split test] [flags]  score a run's best weights; --probe linear|knn its frozen features
    python main.py check RECIPE [flags]             audit data, settings and code; exit status 1 on an error
    python main.py faces RECIPE [flags]             find faces in all clips, and write the box file that train reads
    python main.py predict RUN INPUT... [flags]     emotion in videos, images or a camera; or aspects of reviews
    python main.py serve RUN... [flags]             a web page on this machine: videos, the camera, reviews, the report
    python main.py export RUN [flags]               weights with a model card, for others; or an ONNX file
    python main.py ablate STUDY [--jobs N] [flags]  train a recipe's variants and compare them; STUDY is a name in
                                                    configs/ablations/ or a YAML file
    python main.py bench [NAME] [flags]             what things cost, each beside another way of doing it

`python main.py train RECIPE --help` lists the flags, `python main.py predict RUN --help` those of predict, and so on.
"""

import errno
import os
import sys
from pkgutil import resolve_name

from utils.errors import Elsewhere, UserError

# Where each is; imported when it is asked for. What takes seconds, such as torch, is imported once its flags are read.
COMMANDS = {
    "train": "commands.train:train",
    "eval": "commands.evaluate:evaluate",
    "check": "commands.check:check",
    "faces": "commands.faces:faces",
    "predict": "commands.predict:predict",
    "serve": "commands.serve:serve",
    "export": "commands.export:export",
    "ablate": "commands.ablate:ablate",
    "bench": "commands.bench:bench",
}

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # which any file may meet at any time
REFUSED = (errno.EACCES, errno.EPERM, errno.EEXIST, errno.ENOTDIR)  # as may these; the error then knows which


def main(words: list[str]) -> int:
    words = ["bench", "all"] if words == ["bench"] else words  # the one command that may go without a name
    named = len(words) > 1 and words[0] in COMMANDS and not words[1].startswith("-")
    asks = not named and {"-h", "--help"} & set(words)
    if asks or not named:
        print(__doc__.strip(), file=sys.stdout if asks else sys.stderr)
        return 0 if asks else 2
    try:
        if words[0] != "train" and int(os.environ.get("WORLD_SIZE", 1)) > 1:
            raise UserError(f"{words[0]} is done by one process; start several, with torchrun, for train")
        return resolve_name(COMMANDS[words[0]])(words[1], words[2:]) or 0
    except UserError as error:
        if not isinstance(error, Elsewhere):
            print(f"error: {error}", file=sys.stderr)
        return 2
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):  # raised in the middle of whatever was being done
            raise
        print(f"error: {error} --resume auto goes on from the last checkpoint.", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read the output has enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno not in NO_ROOM and not (error.filename and error.errno in REFUSED):
            raise
        print(f"error: {error.filename or 'cannot write'}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
