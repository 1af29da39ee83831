// Completion in the editor: what fits at the caret, from the tree of tables and the list of words.

const MOST = 40;
const WORD = /[A-Za-z_][\w.]*$/u;

// Tables, columns, keywords and functions; read once.
function readWords(tree, list) {
  const tables = [...tree.querySelectorAll("details[data-table]")].map((box) => ({
    name: box.dataset.table,
    note: box.querySelector("summary span").textContent,
    columns: [...box.querySelectorAll("dt")].map((term) => ({
      name: term.querySelector("[data-column]").textContent,
      note: [term.querySelector(".unit")?.textContent, term.nextElementSibling.textContent.trim()].filter(Boolean).join(" · "),
    })),
  }));
  return {
    tables,
    keywords: list.keywords.map((name) => ({ name, note: "" })),
    functions: list.functions.map(([name, note]) => ({ name, note, call: true })),
  };
}

// Tables that the query names, by alias and by name.
function namedTables(text, tables) {
  const found = new Map();
  for (const [, name, alias] of text.matchAll(/\b(?:FROM|JOIN|,)\s+([\w]+\.[\w]+)(?:\s+(?:AS\s+)?([A-Za-z_]\w*))?/giu)) {
    const table = tables.find((item) => item.name.toLowerCase() === name.toLowerCase());
    if (table) {
      found.set(table.name.toLowerCase(), table);
      found.set(table.name.split(".")[1].toLowerCase(), table);
      if (alias) {
        found.set(alias.toLowerCase(), table);
      }
    }
  }
  return found;
}

export function suggest(words, text, caret) {
  const before = text.slice(0, caret);
  const typed = WORD.exec(before)?.[0] ?? "";
  const named = namedTables(text, words.tables);
  const dot = typed.lastIndexOf(".");
  const qualified = dot > 0 ? named.get(typed.slice(0, dot).toLowerCase()) : null;
  if (qualified) {
    return pick(qualified.columns, typed.slice(dot + 1));
  }
  const afterFrom = /\b(?:FROM|JOIN)\s+[\w.]*$/iu.test(before);
  const columns = [...new Set(named.values())].flatMap((table) => table.columns);
  const seen = new Set();
  const own = columns.filter((column) => !seen.has(column.name) && seen.add(column.name));
  return pick(afterFrom ? words.tables : [...own, ...words.keywords, ...words.functions, ...words.tables], typed);
}

function pick(all, typed) {
  const start = typed.toLowerCase();
  const begins = all.filter((word) => word.name.toLowerCase().startsWith(start));
  const holds = start.length > 1 ? all.filter((word) => word.name.toLowerCase().includes(start) && !begins.includes(word)) : [];
  const found = [...begins, ...holds].slice(0, MOST);
  return { typed, found: found.length === 1 && found[0].name.toLowerCase() === start ? [] : found };
}

export function completeIn(area, box, tree, list) {
  const words = readWords(tree, list);
  let found = [];
  let typed = "";
  let chosen = 0;
  area.setAttribute("aria-autocomplete", "list");
  area.setAttribute("aria-controls", box.id);

  function close() {
    box.hidden = true;
    found = [];
    area.removeAttribute("aria-activedescendant");
  }

  function mark() {
    [...box.children].forEach((item, number) => item.setAttribute("aria-selected", String(number === chosen)));
    const item = box.children[chosen];
    area.setAttribute("aria-activedescendant", item.id);
    item.scrollIntoView({ block: "nearest" });
  }

  function place() {
    const style = getComputedStyle(area);
    const lines = area.value.slice(0, area.selectionStart - typed.length).split("\n");
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = `${style.fontSize} ${style.fontFamily}`;
    const left = pen.measureText(lines.at(-1)).width + parseFloat(style.paddingLeft) - area.scrollLeft;
    const top = lines.length * parseFloat(style.lineHeight) + parseFloat(style.paddingTop) + 2 - area.scrollTop;
    box.style.left = `${Math.max(0, Math.min(left, area.clientWidth - box.offsetWidth))}px`;
    box.style.top = `${top}px`;
  }

  function open() {
    ({ typed, found } = suggest(words, area.value, area.selectionStart));
    if (!found.length) {
      close();
      return;
    }
    box.replaceChildren(...found.map((word, number) => {
      const item = document.createElement("li");
      item.id = `adql-word-${number}`;
      item.setAttribute("role", "option");
      item.append(Object.assign(document.createElement("code"), { textContent: word.name }), Object.assign(document.createElement("span"), { lang: "en", textContent: word.note }));
      return item;
    }));
    box.hidden = false;
    chosen = 0;
    place();
    mark();
  }

  function take(word) {
    const end = area.selectionStart;
    const part = typed.includes(".") && !word.name.includes(".") ? typed.slice(typed.lastIndexOf(".") + 1) : typed;
    insertText(area, word.call ? `${word.name}(` : word.name, end - part.length, end);
    close();
  }

  area.addEventListener("keydown", (event) => {
    if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      open();
    } else if (!box.hidden && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      chosen = (chosen + (event.key === "ArrowDown" ? 1 : found.length - 1)) % found.length;
      mark();
    } else if (!box.hidden && (event.key === "Enter" || event.key === "Tab") && !event.ctrlKey) {
      event.preventDefault();
      take(found[chosen]);
    } else if (!box.hidden && event.key === "Escape") {
      event.preventDefault();
      close();
    }
  });
  // While one types, only after two letters or a dot, so that Enter stays a new line where nothing was begun.
  area.addEventListener("input", (event) => {
    const begun = WORD.exec(area.value.slice(0, area.selectionStart))?.[0] ?? "";
    event.inputType === "insertText" && (begun.length > 1) ? open() : close();
  });
  area.addEventListener("blur", () => setTimeout(close, 150));
  box.addEventListener("mousedown", (event) => {
    event.preventDefault();
    const item = event.target.closest("li");
    if (item) {
      take(found[[...box.children].indexOf(item)]);
    }
  });
}

export function insertText(area, text, start = area.selectionStart, end = area.selectionEnd) {
  area.focus();
  area.setRangeText(text, start, end, "end");
  area.dispatchEvent(new Event("input", { bubbles: true }));
}
