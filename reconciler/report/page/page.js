// What the page does: it lays out the changes by organization, and searches them. Without it the summary stands alone.

const FEW = 200; // changes that are shown with all groups open
const VERY_FEW = 60; // changes whose values are shown at once
const FACETS = { kind: "kind", verb: "action", rule: "rule", origin: "origin", withheld: "guard", result: "result" };
const SIGNS = { create: "+", extra: "+", update: "~", differs: "~", replace: "±", adopt: "=", delete: "−", reset: "−", missing: "−" };
const PLAIN = ["create", "update", "delete"]; // what a sign says well enough
const number = new Intl.NumberFormat("en");

const explorer = document.querySelector("#explorer");
let rows = [];
let groups = [];
if (explorer) start();

function h(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== undefined && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== undefined && child !== "" && child !== false));
  return made;
}

async function start() {
  const { form, count } = controls();
  explorer.append(form, count); // it can be typed in while the rows are unpacked
  rows = await readRows();
  groups = groupsOf(rows);
  addFacets(form);
  const tree = h("div", { role: "tree", class: "tree", "aria-labelledby": "changes-title" });
  explorer.append(tree);
  document.querySelector("#static").remove();

  let shown = [];
  let chosen = {};
  let turned = new Set(); // groups and rows that somebody opened or closed
  const total = () => shown.reduce((sum, group) => sum + group.rows.length, 0);
  const opens = (item) => (item.all ? shown.length === 1 || total() <= FEW : total() <= VERY_FEW && item.fields.length > 0 && SIGNS[item.verb] !== "+");
  const isOpen = (item) => opens(item) !== turned.has(item);
  const items = () => shown.flatMap((group) => (isOpen(group) ? [group, ...group.rows] : [group]));

  const list = treeOf(tree, (item) => (item.all ? drawGroup(item, isOpen(item)) : drawRow(item, isOpen(item))), {
    isOpen,
    toggle(item) {
      if (!turned.delete(item)) turned.add(item);
      if (item.all) list.show(items(), item);
      else list.redraw(item);
    },
  });

  function filter() {
    const found = wanted(chosen);
    shown = [];
    for (const group of groups) {
      group.rows = found.group(group) ? group.all.filter(found.row) : [];
      group.rows.forEach((row, at) => (row.place = at));
      if (group.rows.length) shown.push(group);
    }
    shown.forEach((group, at) => {
      group.place = at;
      group.of = shown.length;
    });
    shown.forEach((group) => group.rows.forEach((row) => (row.of = group.rows.length)));
    turned = new Set();
    list.show(items());
    const some = Object.values(chosen).some(Boolean);
    tree.classList.toggle("is-long", rows.length > FEW);
    count.firstChild.data = `${some ? `${number.format(total())} of ` : ""}${number.format(rows.length)} in ${number.format(shown.length)} ${shown.length === 1 ? "group" : "groups"}`;
    form.classList.toggle("is-filtering", some);
  }

  // What is chosen stands in the address, so that it can be sent to somebody else.
  function fromAddress() {
    const hash = location.hash.slice(1);
    if (hash && !hash.includes("=")) return;
    const given = new URLSearchParams(hash);
    for (const control of form.elements) if (control.name) control.value = given.get(control.name) ?? "";
    choose();
    if (hash) document.querySelector("#changes").scrollIntoView();
  }
  function choose() {
    chosen = Object.fromEntries(new FormData(form));
    filter();
  }
  let waiting;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      choose();
      const said = new URLSearchParams(Object.entries(chosen).filter(([, value]) => value)).toString();
      history.replaceState(null, "", said ? `#${said}` : "#changes");
    }, 80);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(() => form.dispatchEvent(new Event("input"))));
  window.addEventListener("hashchange", fromAddress);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.matches("input, select")) {
      event.preventDefault();
      form.elements.search.focus();
    }
    if (event.key === "Escape" && form.contains(event.target)) form.reset();
  });
  if (location.hash.includes("=")) fromAddress();
  else choose();
}

// The fields of the search; further below its facets, each only where there is something to choose.
function controls() {
  const form = h("form", { class: "filters", role: "search", "aria-label": "Search the changes" });
  const field = (name, label, placeholder, list) =>
    h("label", { class: name }, h("span", { class: "unseen" }, label), h("input", { name, type: "search", placeholder, list, autocomplete: "off", spellcheck: "false" }));
  form.append(field("search", "Search", "Search  /"), field("organization", "Organization", "Organization", "organizations"), field("person", "Person", "Address or user id"));
  return { form, count: h("p", { class: "found", role: "status" }, `Unpacking ${explorer.dataset.rows} …`) };
}

function addFacets(form) {
  form.append(h("datalist", { id: "organizations" }, ...groups.filter((group) => group.kind).slice(0, 1000).map((group) => h("option", { value: group.name }))));
  for (const [name, label] of Object.entries(FACETS)) {
    const found = new Set(rows.flatMap((row) => facet(row, name)));
    if (found.size < (name in { kind: 1, verb: 1, rule: 1 } ? 2 : 1)) continue;
    const options = [...found].sort().map((value) => h("option", { value }, value));
    form.append(h("label", { class: name }, h("span", { class: "unseen" }, label), h("select", { name }, h("option", { value: "" }, `Any ${label}`), ...options)));
  }
  form.append(h("button", { type: "reset" }, "Show all"));
}

function facet(row, name) {
  if (name === "rule") return row.causes.map(([, rule]) => rule).filter(Boolean);
  return row[name] ?? row.more[name] ?? [];
}

// What is looked for, as functions of a group and of a row. A name that is there exactly is meant exactly.
function wanted(chosen) {
  const [search, organization, person] = ["search", "organization", "person"].map((name) => (chosen[name] ?? "").trim().toLowerCase());
  const exactly = groups.some((group) => group.name.toLowerCase() === organization);
  const isOrganization = (group) => {
    const name = group.name.toLowerCase();
    return !organization || (exactly ? name === organization : name.includes(organization));
  };
  const isPerson = personOf(person);
  const facets = Object.keys(FACETS).filter((name) => chosen[name]);
  return {
    group: isOrganization,
    row: (row) =>
      facets.every((name) => [facet(row, name)].flat().includes(chosen[name])) && isPerson(row) && (!search || textOf(row).includes(search)),
  };
}

// A person is an address, and every other address of the same user.
function personOf(person) {
  if (!person) return () => true;
  const named = rows.filter((row) => row.name.toLowerCase() === person);
  const users = new Set(named.flatMap((row) => row.users));
  if (named.length) return (row) => row.name.toLowerCase() === person || row.users.some((user) => users.has(user));
  return (row) => row.name.toLowerCase().includes(person) || row.users.some((user) => user.toLowerCase().includes(person));
}

function drawGroup(group, open) {
  const tally = Object.fromEntries(Object.values(SIGNS).map((sign) => [sign, 0]));
  for (const row of group.rows) tally[SIGNS[row.verb]] += 1;
  const counts = Object.entries(tally).filter(([, many]) => many).map(([sign, many]) => h("span", { class: "tally", "data-sign": sign }, `${sign}${number.format(many)}`));
  return item("group", 1, group, open, [
    h("span", { class: "caret", "aria-hidden": "true" }),
    h("span", { class: "name" }, h("bdi", {}, group.name), group.kind ? "" : h("span", { class: "kind" }, " of the project")),
    h("span", { class: "tallies" }, ...counts),
  ]);
}

function drawRow(row, open) {
  const sign = SIGNS[row.verb] ?? "·";
  const values = row.more.why ? [row.more.why] : open ? [] : row.fields.slice(0, 6).flatMap(brief);
  const said = [row.more.result ?? (row.more.withheld && "withheld"), row.more.origin].filter(Boolean);
  const tags = said.map((text) => h("span", { class: `tag ${text}` }, text));
  const [place, rule] = row.causes[0] ?? ["", ""];
  return item("row", 2, row, open, [
    h("span", { class: "sign", "data-sign": sign, "aria-hidden": "true" }, sign),
    h("span", { class: "name" }, h("span", { class: PLAIN.includes(row.verb) ? "unseen" : "kind" }, `${row.verb} `), h("span", { class: row.kind === "Member" ? "unseen" : "kind" }, `${row.kind} `), h("bdi", {}, row.name)),
    h("span", { class: "values" }, ...values),
    h("span", { class: "cause" }, ...tags, rule ? `${rule} · ${place}` : place || "declared nowhere"),
  ], open ? details(row) : undefined);
}

function item(kind, level, of, open, line, more) {
  const made = h("div", { class: kind, role: "treeitem", "aria-level": level, "aria-expanded": String(open), "aria-setsize": of.of, "aria-posinset": of.place + 1 }, h("div", { class: "line" }, ...line));
  if (more) made.append(more);
  return made;
}

// A field on one line: its name, and what it becomes.
function brief([path, before, after]) {
  if (Array.isArray(before)) return [h("span", { class: "path" }, `${path} `), "… "];
  return [h("span", { class: "path" }, `${path} `), ...pair(before, after), " "];
}

function pair(before, after) {
  const [one, other] = [explorer.dataset.before, explorer.dataset.after];
  if (one !== "before") return [[one, before], [other, after]].flatMap(([side, value]) => [h("span", { class: "side" }, `${side} `), h("bdi", {}, value || "absent"), " "]);
  if (!before) return [h("ins", {}, h("bdi", {}, after))];
  return [h("del", {}, h("bdi", {}, before)), h("span", { class: "arrow" }, " → "), after ? h("ins", {}, h("bdi", {}, after)) : h("span", { class: "kind" }, "none")];
}

// Everything that is known of a change.
function details(row) {
  const made = h("div", { class: "details" });
  if (row.fields.length) {
    const body = row.fields.map(([path, before, after]) =>
      h("div", { class: "field" }, h("dt", {}, path), h("dd", {}, ...(Array.isArray(before) ? [difference(before)] : pair(before, after)))));
    made.append(h("dl", { class: "fields", "aria-label": `${explorer.dataset.before} and ${explorer.dataset.after}` }, ...body));
  }
  const facts = h("dl", { class: "facts" });
  const fact = (name, ...said) => facts.append(h("div", {}, h("dt", {}, name), h("dd", {}, ...said)));
  const link = (name, value) => h("a", { href: `#${new URLSearchParams({ [name]: value })}` }, value);
  for (const [place, rule] of row.causes) fact("because of", h("code", {}, place), rule ? " " : "", rule ? link("rule", rule) : "");
  if (!row.causes.length) fact("because of", "declared nowhere");
  if (row.users.length) fact("user", ...row.users.flatMap((user, at) => [at ? ", " : "", link("person", user)]));
  else if (row.kind === "Member") fact("person", link("person", row.name));
  for (const [name, said] of Object.entries({ note: "note", origin: "origin", withheld: "withheld by", result: "result", why: "why", request: "request" })) {
    if (row.more[name]) fact(said, row.more[name]);
  }
  made.append(facts);
  return made;
}

function difference(lines) {
  return h("pre", {}, ...lines.map((line) => h({ "+": "ins", "-": "del" }[line[0]] ?? "span", {}, `${line}\n`)));
}
