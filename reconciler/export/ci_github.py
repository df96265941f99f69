"""``init --ci github``: the workflows of a repository, made for its environments, and what is left to do by hand."""

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from reconciler.config.read import Config, environments_of, load_config
from reconciler.credentials.backend import IDS
from reconciler.errors import InvalidInput
from reconciler.export.starter import FILES
from reconciler.load.repository import load_documents
from reconciler.model import Json

WORKFLOWS: Final = ("plan.yml", "apply.yml", "drift.yml")
COMMENT: Final = "comment.yml"
OWNERS: Final = "CODEOWNERS"
LOCAL: Final = "./.github/actions/reconciler"
PINNED: Final = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+@[0-9a-f]{40}")
SETTINGS: Final = ".vscode/settings.json"
SCHEMA: Final = ".vscode/stytch-reconciler.schema.json"
_GITHUB: Final = re.compile(r"(?:git\+)?(?:https://|ssh://git@)github\.com/(?P<name>[\w.-]+/[\w.-]+?)(?:\.git)?/?")
_PLAIN: Final = re.compile(r"[A-Za-z](?:[A-Za-z0-9_./ -]*[A-Za-z0-9_./-])?")
_NOT_TEXT: Final = frozenset({"yes", "no", "on", "off", "true", "false", "null", "y", "n"})  # in YAML
_OF_NAMED_BRANCHES: Final = {"protected_branches": "false", "custom_branch_policies": "true"}
_CREDENTIALS: Final = ("STYTCH_PROJECT_ID", "STYTCH_SECRET", "STYTCH_WORKSPACE_KEY_ID", "STYTCH_WORKSPACE_KEY_SECRET")
_CONSUMER: Final = ("STYTCH_CONSUMER_PROJECT_ID", "STYTCH_CONSUMER_SECRET")
_GIVEN: Final = {"GH_REPO": "github.repository", "GH_TOKEN": "secrets.STORE_TOKEN"}  # to the credential store


class WorkflowEnvironment(Struct, frozen=True, kw_only=True):
    """An environment as workflows see it.

    ``id`` is the end of its jobs' names, ``variables`` what its steps get besides its own credentials, with the
    expression of each; ``ids`` the file of the ids of credentials, "" where it keeps none. ``follows`` says that its
    users change without a commit.
    """

    name: str
    id: str
    variables: Sequence[tuple[str, str]] = ()
    ids: str = ""
    follows: bool = False


class Written(Struct, frozen=True):
    """What was written, and what people do next."""

    files: tuple[str, ...]
    steps: tuple[str, ...]


def action_or_default(given: str) -> str:
    """Return how workflows name the action: as ``given``, else the commit that is installed, else a local folder.

    Raises ``InvalidInput`` for what names no commit.
    """
    if not given:
        return _installed() or LOCAL
    if not (given.startswith("./") or PINNED.fullmatch(given)):
        raise InvalidInput(
            f"--action {given} is neither OWNER/REPO@SHA with a whole commit nor a folder that begins with ./",
            hint="a tag or a branch can be moved to other code: give the 40 digits of the commit",
        )
    return given


def write_workflows(root: Path, action: str, branch: str, *, with_comment: bool) -> Written:
    """Write the workflows for the repository around ``root``, and editor settings; overwrite nothing.

    Raises ``InvalidInput`` where a file is there with other content, or what ``root`` holds cannot be read.
    """
    top = next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)
    folder = root.relative_to(top).as_posix() if root != top else ""
    environments = [_environment(load_config(root, name)) for name in environments_of(root)]
    if len({one.id for one in environments}) < len(environments):
        raise InvalidInput("two environments differ only by signs that no job's name has", hint="rename one")
    escaped = branch.replace("'", "''")
    values = {
        "environments": environments,
        "uses": action,
        "is_local": action.startswith("./"),
        "folder": folder,
        "branch": branch,
        "on_branch": f"github.ref == 'refs/heads/{escaped}'",  # who starts a workflow by hand chooses one
        "follows": any(one.follows for one in environments),
    }
    names = (*WORKFLOWS, *([COMMENT] if with_comment else []))
    texts = {top / ".github" / "workflows" / name: text for name, text in _rendered(names, values)}
    texts |= {top / name: text for name, text in (*_for_editors(folder), *_owners(top, folder))}
    _refuse_others(texts)
    files = tuple(_write(texts, top))
    editors = "" if _has(top / SETTINGS, texts[top / SETTINGS]) else texts[top / SETTINGS]
    return Written(files, tuple(_steps(environments, action, branch, editors)))


def _environment(config: Config) -> WorkflowEnvironment:
    keeps = config.credentials
    given = [] if keeps is None or not keeps.environment else list(keeps.environment)
    named = sorted(set(_secrets_in(one.spec for one in load_documents(config).resources)))
    values = {name: _GIVEN.get(name, f"secrets.{name}") for name in (*named, *given)}
    ids = (keeps.ids or IDS.format(config.environment)) if keeps is not None and keeps.command else ""
    return WorkflowEnvironment(
        name=config.environment,
        id=re.sub(r"[^A-Za-z0-9_-]", "-", config.environment),
        variables=tuple(values.items()),
        ids=str(ids),
        follows=config.users is not None and config.users.file is None,
    )


def _secrets_in(values: Iterable[Json]) -> Iterator[str]:
    """Yield the names of the secrets that values refer to."""
    for value in values:
        if isinstance(value, dict) and value.keys() == {"secret"}:
            yield str(value["secret"])
        elif isinstance(value, dict):
            yield from _secrets_in(value.values())
        elif isinstance(value, list):
            yield from _secrets_in(value)


def _rendered(names: Iterable[str], values: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    import jinja2

    environment = jinja2.Environment(  # noqa: S701 # YAML, whose expressions of GitHub's have braces
        loader=jinja2.PackageLoader("reconciler.export", "github"),
        undefined=jinja2.StrictUndefined,
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["quoted"] = _quoted
    yield from ((name, environment.get_template(f"{name}.j2").render(values)) for name in names)


def _quoted(text: str) -> str:
    """Return a text as YAML writes it."""
    return text if _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT else json.dumps(text)


def _for_editors(folder: str) -> Iterator[tuple[str, str]]:
    """Yield what makes editors complete and check the files as they are written."""
    from reconciler.load.schemas import editor_schema

    below = f"/{folder}" if folder else ""
    globs = [f"{below}/reconciler.yaml", f"{below}/manifests/**/*.yaml", f"{below}/rules/**/*.yaml"]
    settings = {"yaml.schemas": {f"./{SCHEMA}": globs}}
    yield SETTINGS, json.dumps(settings, indent=2) + "\n"
    yield SCHEMA, json.dumps(editor_schema(), indent=1) + "\n"


def _owners(top: Path, folder: str) -> Iterator[tuple[str, str]]:
    """Yield who should review what judges changes, where the repository names no owners yet."""
    if not any((top / place / OWNERS).exists() for place in ("", ".github", "docs")):
        below = f"/{folder}" if folder else ""
        yield OWNERS, FILES[OWNERS].replace("# /", f"# {below}/")


def _refuse_others(texts: Mapping[Path, str]) -> None:
    """Refuse to begin where a workflow is there already that says something else; others' settings just stay."""
    others = [path for path, text in texts.items() if path.suffix == ".yml" and path.exists() and not _has(path, text)]
    if others:
        names = ", ".join(path.name for path in others)
        hint = "nothing was written; remove it to have it written anew, or compare: init --ci github in another folder"
        raise InvalidInput(f"{others[0].parent} has {names} already, with other content", hint=hint)


def _has(path: Path, text: str) -> bool:
    return path.read_text(encoding="utf-8", errors="replace") == text


def _write(texts: Mapping[Path, str], top: Path) -> Iterator[str]:
    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            continue
        except OSError as error:
            raise InvalidInput(f"cannot write {path}: {error.strerror}", hint="choose another folder") from error
        yield path.relative_to(top).as_posix()


def _steps(environments: Sequence[WorkflowEnvironment], action: str, branch: str, editors: str) -> Iterator[str]:
    """Yield what is left to do by hand, in order; a step may have lines of its own.

    ``editors`` are the settings that somebody else's take the place of, "" where ours are there.
    """
    if action.startswith("./"):
        local = action.removeprefix("./")
        yield f"Put a copy of stytch-reconciler at {local}, or write the workflows with --action OWNER/REPO@SHA"
    for one in environments:
        name = f"stytch-{one.name}"
        lines = (f"   {line}" for line in (*_creating(name, branch), *_settings(one, shlex.quote(name))))
        yield "\n".join((f"Create the environment {name}, for the branch {branch} only, and set what you use:", *lines))
    checks = ", ".join(f'"{what} {one.name}"' for one in environments for what in ("Plan", "Check"))
    yield f"Protect the branch {branch}: require pull requests, and the checks {checks}, also for a merge queue"
    yield f"Name a team in {OWNERS}, so that it reviews policies and approvals"
    if editors:
        yield f"Put into {SETTINGS}, which was there before:\n   {json.dumps(json.loads(editors))}"
    yield "In a public repository: say `snapshot: {public: true}` in reconciler.yaml, as docs/snapshot.md explains"
    yield "Commit and push all of it: the apply workflow writes nothing yet, and ends red, as nobody reviewed a plan"
    yield "Start the apply workflow by hand, once: it writes what is declared, and publishes the first snapshot of that"


def _creating(name: str, branch: str) -> Iterator[str]:
    """Yield the commands that make an environment which only jobs of the branch get."""
    place = f"repos/{{owner}}/{{repo}}/environments/{quote(name, safe='')}"
    policy = "deployment_branch_policy"
    fields = " ".join(f"-F '{policy}[{key}]'={value}" for key, value in _OF_NAMED_BRANCHES.items())
    yield f"gh api --method PUT '{place}' {fields}"
    yield f"gh api '{place}/deployment-branch-policies' -f name={shlex.quote(branch)}"


def _settings(one: WorkflowEnvironment, name: str) -> Iterator[str]:
    names = [*_CREDENTIALS, *(_CONSUMER if one.follows else ())]
    secrets = {value.removeprefix("secrets.") for _, value in one.variables if value.startswith("secrets.")}
    yield from (f"gh variable set {each} --env {name}" for each in names if not each.endswith("SECRET"))
    secret = [each for each in names if each.endswith("SECRET")]
    yield from (f"gh secret set {each} --env {name}" for each in (*secret, *sorted(secrets)))


def _installed() -> str:
    """Return the commit on GitHub that this package was installed from, "" where that is unknown."""
    try:
        said = distribution("stytch-reconciler").read_text("direct_url.json")
    except PackageNotFoundError:
        return ""
    origin = json.loads(said) if said else {}
    found = _GITHUB.fullmatch(str(origin.get("url", "")))
    named = f"{found['name']}@{origin.get('vcs_info', {}).get('commit_id', '')}" if found else ""
    return named if PINNED.fullmatch(named) else ""
