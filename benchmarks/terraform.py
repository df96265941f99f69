"""The same resources by Stytch's own Terraform provider and by the reconciler, through the same proxy.

The provider is built where go and terraform are, from the folder that ``STYTCH_TERRAFORM_PROVIDER`` names; nothing is
fetched. Elsewhere the rows of Terraform hold the requests that it was seen to make.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks import world
from benchmarks.command import Bench, Figures, timed
from benchmarks.emulated import Stytch, delayed, emulator, own_environment

LATENCIES = (0.0, 0.05, 0.2)
URLS, SECRETS = 99, 20
SOURCE: Final = "STYTCH_TERRAFORM_PROVIDER"
# The requests of each command, where the provider cannot be run.
RECORDED: Final[Mapping[str, Figures]] = {
    "plan of creates": {"requests": 0},
    "apply": {"requests": URLS + SECRETS},
    "plan in place": {"requests": URLS + SECRETS},
}

CONFIGURATION = """\
apiVersion: reconciler/v1
kind: Configuration
name: benchmark
environments:
  test:
    target: {project: b2b, environment: test}
"""
UNPACED = "    rates: {requests_per_second: 100000, share: 1}\n"
URL = """\
apiVersion: reconciler/v1
kind: RedirectURL
metadata: {name: "https://app-%d.example/callback"}
spec: {valid_types: [{type: LOGIN, is_default: %s}]}
"""
KEY = """\
apiVersion: reconciler/v1
kind: Secret
metadata: {name: SECRET_%d}
"""
HCL = """\
terraform {
  required_providers {
    stytch = { source = "stytchauth/stytch" }
  }
}
provider "stytch" {}
resource "stytch_redirect_url" "url" {
  count            = %d
  project_slug     = "b2b"
  environment_slug = "test"
  url              = "https://app-${count.index}.example/callback"
  valid_types      = [{ type = "LOGIN", is_default = count.index == 0 }]
}
resource "stytch_secret" "secret" {
  count            = %d
  project_slug     = "b2b"
  environment_slug = "test"
}
"""
CLI = 'provider_installation {\n  dev_overrides { "stytchauth/stytch" = "%s" }\n}\n'
COMMANDS = {
    "plan of creates": ["plan", "-input=false"],
    "apply": ["apply", "-input=false", "-auto-approve"],
    "plan in place": ["plan", "-input=false"],
}


def side_by_side(bench: Bench) -> Iterator[tuple[str, Figures]]:
    """Measure plan, apply and plan again, of both, at each latency."""
    provider = built(bench.folder)
    for seconds in (0.0,) if bench.quick else LATENCIES:
        at, beside = f"{seconds * 1000:.0f} ms", bench.beside()
        for name, figures in _by_terraform(bench, provider, seconds) if provider else RECORDED.items():
            yield f"{name}, {at}, Terraform", (beside if provider else {}) | figures
        for pacing, settings in (("", ""), (" without pacing", UNPACED)):
            for name, figures in _by_reconciler(bench, seconds, CONFIGURATION + settings):
                yield f"{name}, {at}, reconciler{pacing}", beside | figures


def built(folder: Path) -> Path | None:
    """Return the folder of the provider, built from its source; None where it cannot be, without fetching anything."""
    source = os.environ.get(SOURCE)
    if not (source and shutil.which("go") and shutil.which("terraform")):
        return None
    target = folder / "provider"
    target.mkdir()
    command = ["go", "build", "-mod=readonly", "-o", str(target / "terraform-provider-stytch"), "."]
    offline = {"GOPROXY": "off", "GOTOOLCHAIN": "local"}
    subprocess.run(command, check=True, cwd=source, env=own_environment() | offline)
    return target


@contextmanager
def reached(bench: Bench, seconds: float) -> Iterator[Stytch]:
    """Run a new emulator behind a proxy."""
    with emulator(bench.new_folder("database"), bench.folder) as stytch, delayed(stytch, seconds) as later:
        yield later


def _by_terraform(bench: Bench, provider: Path, seconds: float) -> Iterator[tuple[str, Figures]]:
    root = world.write_files(
        bench.new_folder("terraform"), {"main.tf": HCL % (URLS, SECRETS), "terraform.rc": CLI % provider}
    )
    ours = {"TF_CLI_CONFIG_FILE": str(root / "terraform.rc"), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    with reached(bench, seconds) as stytch:
        environment = own_environment() | ours | stytch.variables
        for name, arguments in COMMANDS.items():
            yield name, timed(bench.folder, root, ["terraform", *arguments], environment, stytch)


def _by_reconciler(bench: Bench, seconds: float, configuration: str) -> Iterator[tuple[str, Figures]]:
    urls = "---\n".join(URL % (number, "true" if number == 0 else "false") for number in range(URLS))
    files = {"reconciler.yaml": configuration, "manifests/redirect-urls.yaml": urls}
    secrets = {"manifests/secrets.yaml": "---\n".join(KEY % number for number in range(SECRETS))}
    root = world.write_files(bench.new_folder("reconciler"), files | secrets)
    with reached(bench, seconds) as stytch:
        commands: Mapping[str, tuple[Sequence[str], int]] = {
            "plan of creates": (["plan"], 2),
            "apply": (["apply", "--yes"], 0),
            "plan in place": (["plan"], 0),
        }
        for name, (arguments, code) in commands.items():
            yield name, bench.run(root, *arguments, stytch=stytch, expected=(code,))
