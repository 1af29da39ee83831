// The first rows of a result as a table by pages, and a plot of two of its columns.

import { fill, gettext, ngettext } from "../archive/words.js";

const PAGE_ROWS = 50;
const element = (name, fields = {}, children = []) => {
  const made = Object.assign(document.createElement(name), fields);
  made.append(...children);
  return made;
};
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const isNumber = (column) => ["short", "int", "long", "float", "double"].includes(column.datatype) && !column.arraysize;

let plot = null;
let redraw = null;

export function showTable(target, { metadata, data }) {
  if (!data.length) {
    target.replaceChildren(element("p", { className: "empty", textContent: gettext("The query is fine; no row answers it.") }));
    return;
  }
  let page = 0;
  const last = Math.floor((data.length - 1) / PAGE_ROWS);
  const body = element("tbody");
  const where = element("span", { role: "status" });
  const back = element("button", { type: "button", textContent: gettext("Previous rows") });
  const on = element("button", { type: "button", textContent: gettext("Next rows") });
  const head = metadata.map((column) => {
    const cell = element("th", { scope: "col", title: [column.description, column.ucd].filter(Boolean).join(" · ") }, [column.name]);
    cell.className = isNumber(column) ? "num" : "";
    cell.append(element("span", { className: "unit", textContent: column.unit ?? "" }));
    return cell;
  });
  const turn = () => {
    const start = page * PAGE_ROWS;
    const rows = data.slice(start, start + PAGE_ROWS);
    body.replaceChildren(...rows.map((row) => element("tr", {}, row.map((value, number) => cellOf(value, metadata[number])))));
    where.textContent = fill(gettext("Rows %(first)s to %(last)s of %(total)s"), { first: start + 1, last: start + rows.length, total: data.length });
    back.disabled = page === 0;
    on.disabled = page === last;
  };
  back.addEventListener("click", () => { page -= 1; turn(); });
  on.addEventListener("click", () => { page += 1; turn(); });
  turn();
  const scroller = element("div", { className: "scroll tall", tabIndex: 0 }, [element("table", {}, [element("thead", {}, [element("tr", {}, head)]), body])]);
  scroller.setAttribute("role", "group");
  scroller.setAttribute("aria-label", gettext("Rows of the result, scrolls"));
  target.replaceChildren(scroller);
  if (last > 0) {
    target.append(element("div", { className: "pager" }, [back, where, on]));
  }
}

function cellOf(value, column) {
  const cell = element("td", { className: isNumber(column) ? "num" : "" });
  if (value === null || value === undefined) {
    cell.append(element("span", { className: "muted", textContent: "–" }));
  } else if (typeof value === "string" && /^https?:\/\/\S+$/u.test(value)) {
    cell.append(element("a", { href: value, textContent: value, rel: "nofollow" }));
  } else {
    cell.textContent = Array.isArray(value) ? value.join(" ") : String(value);
  }
  return cell;
}

export function offerPlot(section, { metadata, data }) {
  const numbers = metadata.map((column, number) => ({ ...column, number })).filter(isNumber);
  section.hidden = numbers.length < 2 || data.length < 2;
  redraw = null;
  if (section.hidden) {
    return;
  }
  const [x, y, log] = ["plot-x", "plot-y", "plot-log"].map((id) => document.getElementById(id));
  for (const select of [x, y]) {
    select.replaceChildren(...numbers.map((column) => new Option(column.name, column.number)));
  }
  x.selectedIndex = Math.max(0, numbers.findIndex((column) => column.name === "ra"));
  y.selectedIndex = numbers.findIndex((column, number) => number !== x.selectedIndex && (column.name === "dec" || number > x.selectedIndex));
  if (y.selectedIndex < 0) {
    y.selectedIndex = x.selectedIndex ? 0 : 1;
  }
  redraw = () => draw(metadata, data, Number(x.value), Number(y.value), log.checked);
  for (const control of [x, y, log]) {
    control.onchange = redraw;
  }
  redraw();
}

function missing(log, lost) {
  return log
    ? ngettext("%(count)s row has no value, or none above zero, and is not drawn.", "%(count)s rows have no value, or none above zero, and are not drawn.", lost)
    : ngettext("%(count)s row has no value and is not drawn.", "%(count)s rows have no value and are not drawn.", lost);
}

function draw(metadata, data, xColumn, yColumn, log) {
  const target = document.getElementById("plot-box");
  const usable = (value) => typeof value === "number" && Number.isFinite(value);
  const points = data.map((row) => [row[xColumn], row[yColumn]]).filter(([x, y]) => usable(x) && usable(y) && (!log || y > 0));
  points.sort((a, b) => a[0] - b[0]);
  const label = ({ name, unit }) => (unit ? `${name} (${unit})` : name);
  const axis = (column, size) => ({
    label: label(metadata[column]), stroke: css("--muted"), font: `12px ${css("--sans")}`, labelFont: `12px ${css("--sans")}`, labelSize: 22, size,
    grid: { stroke: css("--rule"), width: 1 }, ticks: { stroke: css("--rule"), width: 1, size: 5 },
  });
  plot?.destroy();
  plot = null;
  const lost = data.length - points.length;
  document.getElementById("plot-note").textContent = [
    fill(ngettext("%(count)s point of the rows above.", "%(count)s points of the rows above.", points.length), { count: points.length }),
    lost && fill(missing(log, lost), { count: lost }),
    gettext("Drag to zoom, double click for the whole range."),
  ].filter(Boolean).join(" ");
  target.replaceChildren();
  if (!points.length) {
    target.append(element("p", { className: "empty", textContent: gettext("There is no point to draw here.") }));
    return;
  }
  plot = new uPlot({
    width: target.clientWidth, height: 340, cursor: { drag: { x: true, y: true, uni: 24 } },
    scales: { x: { time: false }, y: { distr: log ? 3 : 1 } },
    axes: [axis(xColumn, 40), axis(yColumn, 64)],
    series: [{ label: label(metadata[xColumn]) }, { label: label(metadata[yColumn]), stroke: css("--series-1"), paths: () => null, points: { show: true, size: points.length > 400 ? 3 : 5, fill: css("--series-1"), width: 0 } }],
  }, [points.map(([x]) => x), points.map(([, y]) => y)], target);
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => redraw?.());
addEventListener("resize", () => plot?.setSize({ width: document.getElementById("plot-box").clientWidth, height: 340 }));
