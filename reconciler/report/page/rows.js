// The rows of the page. Whatever is in them was chosen by others: it is text, and only ever becomes text.

async function readRows() {
  const scripts = [...document.querySelectorAll("script.rows")];
  const chunks = await Promise.all(scripts.map((script) => unpacked(script.textContent)));
  const known = new Map();
  const once = (word) => {
    const key = typeof word === "string" ? `"${word}` : JSON.stringify(word);
    if (!known.has(key)) known.set(key, word);
    return known.get(key);
  };
  const found = [];
  for (const chunk of chunks) {
    const words = chunk.words.map(once);
    for (const [verb, kind, group, name, causes, users, fields, more] of chunk.rows) {
      for (const field of fields) field[0] = words[field[0]];
      for (const key in more) more[key] = words[more[key]];
      found.push({ verb: words[verb], kind: words[kind], group: words[group], name, causes: words[causes], users, fields, more });
    }
  }
  for (const script of scripts) script.remove();
  return found;
}

// JSON that is packed: a tenth of the size, and no text in the document that could be taken for anything else.
function unpacked(text) {
  const bytes = Uint8Array.fromBase64?.(text) ?? Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
}

// An organization with its rows, or a kind with those that lie in none; kinds first, by name as people sort.
function groupsOf(found) {
  const byName = new Map();
  for (const row of found) {
    if (!byName.has(row.group)) byName.set(row.group, []);
    byName.get(row.group).push(row);
  }
  const made = [...byName].map(([title, all]) => {
    const slash = title.indexOf("/");
    all.sort((one, other) => (other.kind === "Organization") - (one.kind === "Organization")); // first it, then what is in it
    return { title, kind: slash < 0 ? "" : title.slice(0, slash), name: title.slice(slash + 1), all };
  });
  const { compare } = new Intl.Collator("en", { numeric: true });
  return made.sort((one, other) => Boolean(one.kind) - Boolean(other.kind) || compare(one.name, other.name));
}

// What a search looks at, made when it is first asked for.
function textOf(row) {
  row.text ??= [
    row.group, row.kind, row.name, row.verb, ...row.causes.flat(), ...row.users, ...Object.values(row.more), ...row.fields.flat(2),
  ].join("\n").toLowerCase();
  return row.text;
}
