"""Make the course's virtual environment: `python tools/install.py [--venv .venv] [--torch cpu|gpu]`.

Uses the standard library alone, and only syntax that an old Python can read, so that an old Python gets
a sentence instead of a traceback.
"""

import argparse
import os
import subprocess
import sys

OLDEST, NEWEST = (3, 11), (3, 13)
TORCH = "torch==2.13.0"
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def check_python():
    """Stop with a sentence if this Python cannot run the course."""
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        sys.exit(
            "The course needs Python 3.11, 3.12 or 3.13, and %s is Python %d.%d. Install one of them and say "
            "where it is, for example: make lab PYTHON=python3.12"
            % ((sys.executable,) + sys.version_info[:2])
        )


def python_of(venv):
    """The interpreter inside a virtual environment."""
    folder, name = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return os.path.join(venv, folder, name)


def run(what, command):
    """Run a command quietly; on failure show what it said and stop with a sentence."""
    print(what + " ...")
    sys.stdout.flush()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print(done.stdout)
        sys.exit("This step failed: %s. The lines above say why; mend it and run the command again." % what)


def torch_installed(python):
    """Whether the pinned torch is already there, whichever build."""
    code = "import importlib.metadata as m; print(m.version('torch').split('+')[0])"
    done = subprocess.run([python, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return done.stdout.strip() == TORCH.split("==")[1]


def install_torch(python, build, index):
    """Install the pinned torch: the CPU build where pip can find one, else the standard build.

    On Linux the standard build brings CUDA libraries of several gigabytes; on macOS and Windows it is the
    CPU build already.
    """
    pip = [python, "-m", "pip", "install", "--quiet"] + (["--index-url", index] if index else [])
    if torch_installed(python):
        return
    if build == "cpu" and sys.platform.startswith("linux"):
        print("Looking for the CPU build of torch ...")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if subprocess.run(pip + [TORCH + "+cpu"], **quiet).returncode == 0:
            return
        if not index:
            print(
                "Your pip's package index has no CPU build of torch for this machine, so the standard build "
                "is installed, which downloads several gigabytes of GPU libraries. To avoid that, stop "
                "here and see 'Which torch' in README.md."
            )
    run("Installing torch", pip + [TORCH])


def main():
    """Create the environment if needed, install the locked versions and the course itself."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venv", default=os.path.join(ROOT, ".venv"))
    parser.add_argument("--torch", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument("--torch-index", default="", help="address of the index that has the wanted build")
    options = parser.parse_args()
    check_python()
    python = python_of(options.venv)
    if not os.path.exists(python):
        run("Creating %s" % os.path.relpath(options.venv), [sys.executable, "-m", "venv", options.venv])
    install_torch(python, options.torch, options.torch_index)
    install = [python, "-m", "pip", "install", "--quiet"]
    run("Installing the versions in requirements.lock", install + ["-r", "requirements.lock"])
    run("Installing the course itself", install + ["--no-deps", "-e", "."])
    print("Ready: " + os.path.relpath(options.venv))


if __name__ == "__main__":
    main()
