// A list of any length as a tree: only what is near the window is in the document, in blocks that keep their height.

const BLOCK = 50;
const PRINTED = 2000;

function treeOf(tree, draw, act) {
  let items = [];
  let blocks = [];
  let current = 0; // the one item that Tab reaches
  let typical = 34; // pixels of an item that was not drawn yet

  const near = new IntersectionObserver(
    (entries) => entries.forEach((entry) => (entry.isIntersecting ? fill : empty)(entry.target)),
    { rootMargin: "1200px 0px" },
  );

  function fill(block) {
    if (block.childElementCount) return;
    const start = block.start;
    const found = items.slice(start, start + BLOCK);
    block.replaceChildren(...found.map((item, at) => element(item, start + at)));
    block.style.height = "";
  }

  function empty(block) {
    if (!block.childElementCount || block === blocks[Math.floor(current / BLOCK)]) return;
    block.style.height = `${block.offsetHeight}px`;
    block.replaceChildren();
  }

  function element(item, at) {
    const drawn = draw(item);
    drawn.at = at;
    drawn.tabIndex = at === current ? 0 : -1;
    return drawn;
  }

  function at(index) {
    const block = blocks[Math.floor(index / BLOCK)];
    if (block) fill(block);
    return block?.children[index % BLOCK];
  }

  // Show other items; the one that stays, if one is named, stays where it is in the window.
  function show(found, stays) {
    const before = stays && at(items.indexOf(stays))?.getBoundingClientRect().top;
    const focused = tree.contains(document.activeElement);
    near.disconnect();
    items = found;
    current = Math.max(0, items.indexOf(stays));
    blocks = Array.from({ length: Math.ceil(items.length / BLOCK) }, (_, number) => {
      const block = document.createElement("div");
      block.setAttribute("role", "none");
      block.start = number * BLOCK;
      block.style.height = `${Math.min(BLOCK, items.length - block.start) * typical}px`;
      return block;
    });
    tree.replaceChildren(...blocks);
    const here = at(current);
    if (blocks.length) typical = here.parentElement.offsetHeight / here.parentElement.childElementCount;
    if (before !== undefined && before !== false) window.scrollBy({ top: here.getBoundingClientRect().top - before, behavior: "instant" });
    if (focused) here?.focus({ preventScroll: true });
    blocks.forEach((block) => near.observe(block));
  }

  function redraw(item) {
    const index = items.indexOf(item);
    const old = at(index);
    const focused = old.contains(document.activeElement);
    const fresh = element(item, index);
    old.replaceWith(fresh);
    if (focused) fresh.focus({ preventScroll: true });
  }

  function go(index) {
    const to = Math.min(Math.max(index, 0), items.length - 1);
    const old = at(current);
    if (old) old.tabIndex = -1;
    current = to;
    const found = at(to);
    if (!found) return;
    found.tabIndex = 0;
    found.focus();
    found.scrollIntoView({ block: "nearest" });
  }

  const parent = (index) => {
    while (index > 0 && !items[index].all) index -= 1;
    return index;
  };
  const keys = {
    ArrowDown: () => go(current + 1),
    ArrowUp: () => go(current - 1),
    PageDown: () => go(current + 15),
    PageUp: () => go(current - 15),
    Home: () => go(0),
    End: () => go(items.length - 1),
    ArrowRight: (item) => (act.isOpen(item) ? go(current + 1) : act.toggle(item)),
    ArrowLeft: (item) => (act.isOpen(item) ? act.toggle(item) : go(parent(current))),
    Enter: (item) => act.toggle(item),
    " ": (item) => act.toggle(item),
  };
  tree.addEventListener("keydown", (event) => {
    if (event.target.at === undefined || event.ctrlKey || event.altKey || event.metaKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key](items[current]);
  });
  tree.addEventListener("click", (event) => {
    const line = event.target.closest("[role=treeitem] > .line");
    if (!line || event.target.closest("a") || !getSelection().isCollapsed) return;
    go(line.parentElement.at);
    act.toggle(items[current]);
  });
  tree.addEventListener("focusin", (event) => {
    if (event.target.at !== undefined && event.target.at !== current) go(event.target.at);
  });
  window.addEventListener("beforeprint", () => {
    blocks.slice(0, PRINTED / BLOCK).forEach(fill);
    tree.dataset.more = items.length > PRINTED ? `The first ${PRINTED} of ${items.length} lines are printed: choose fewer changes to print all of them.` : "";
  });

  return { show, redraw };
}
