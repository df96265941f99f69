"""Put files into a zip as actions/upload-artifact does: below the folder that they have in common."""

import os
import sys
import zipfile
from pathlib import Path

folder = Path(os.environ["LOOP_ARTIFACTS"], os.environ["GITHUB_RUN_ID"])
folder.mkdir(parents=True, exist_ok=True)
named = [line.strip() for line in os.environ["FILES"].splitlines() if line.strip()]
files = []
for name in named:
    found = [path for path in ([Path(name)] if Path(name).is_absolute() else Path().glob(name)) if path.exists()]
    for path in found:
        files += [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]
files = sorted({path.resolve() for path in files})
if not files:
    sys.stdout.write(f"::{'error' if os.environ['WITHOUT'] == 'error' else 'warning'}::no files found: {named}\n")
    raise SystemExit(os.environ["WITHOUT"] == "error")
archive = folder / f"{os.environ['NAME']}.zip"
if archive.exists() and os.environ["OVERWRITE"] != "true":
    raise SystemExit(f"::error::an artifact {os.environ['NAME']} is there already")
is_folder = len(named) == 1 and Path(named[0]).is_dir()
top = Path(named[0]).resolve() if is_folder else Path(os.path.commonpath([path.parent for path in files]))
with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as content:
    for path in files:
        content.write(path, path.relative_to(top))
number = len(list(Path(os.environ["LOOP_ARTIFACTS"]).rglob("*.*")))
url = f"{os.environ['GITHUB_SERVER_URL']}/{os.environ['GITHUB_REPOSITORY']}/actions/runs/{os.environ['GITHUB_RUN_ID']}"
with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as output:
    output.write(f"artifact-id={number}\nartifact-url={url}/artifacts/{number}\n")
