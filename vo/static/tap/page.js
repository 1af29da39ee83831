// The ADQL page: editor, estimate, run, jobs, history. Without this script the form itself works.

import { fill, gettext, ngettext } from "../archive/words.js";
import { completeIn, insertText } from "./completion.js";
import { phaseOf, watchJobs } from "./jobs.js";
import { offerPlot, showTable } from "./results.js";
import { describeJob, estimate, readResult, runNow, startJob } from "./service.js";

const MOST_ROWS = 5000;
const QUIET_MS = 700;
const HISTORY = "archipelago-adql-history";
const MOST_HISTORY = 30;
const id = (name) => document.getElementById(name);
const [form, area, tree, errorBox, cost, result, links] = ["adql-form", "adql", "adql-tree", "adql-error", "adql-cost", "adql-result", "result-links"].map(id);
const title = id("result-title");

// ---- errors at their place

function placeOf(error) {
  const line = area.value.split("\n")[error.line - 1] ?? "";
  return `${error.line} | ${line}\n${" ".repeat(String(error.line).length + 2 + error.column)}^`;
}

function goTo(error) {
  const lines = area.value.split("\n");
  const start = lines.slice(0, error.line - 1).reduce((sum, line) => sum + line.length + 1, 0) + error.column - 1;
  const word = /^(?:\w+|.)/u.exec(area.value.slice(start))?.[0] ?? "";
  area.focus();
  area.setSelectionRange(start, start + word.length);
}

function complain(error) {
  const [text, place, button] = ["p", "pre", "button"].map((name) => errorBox.querySelector(name));
  text.textContent = error.message;
  place.hidden = button.hidden = !error.line;
  errorBox.hidden = false;
  if (error.line) {
    place.textContent = placeOf(error);
    button.onclick = () => goTo(error);
    goTo(error);
  }
}

function forgive() { errorBox.hidden = true; }

// ---- what it would cost

let waiting = null;
let asking = null;

function say(seconds) {
  if (seconds < 1) {
    return gettext("less than a second");
  }
  return seconds < 120 ? fill(gettext("about %(count)s s"), { count: Math.round(seconds) }) : fill(gettext("about %(count)s min"), { count: Math.round(seconds / 60) });
}

async function showCost() {
  asking?.abort();
  asking = new AbortController();
  const query = area.value;
  if (!query.trim() || /\btap_upload\./iu.test(query)) {
    cost.textContent = "";
    return;
  }
  try {
    const guess = await estimate(query, asking.signal);
    const advice = guess.fits ? "" : ` ${fill(gettext("More than the %(limit)s s that a query may take here at once: run it as a job."), { limit: guess.time_limit_s })}`;
    const values = { count: guess.rows.toLocaleString("en"), time: say(guess.seconds) };
    cost.textContent = `${fill(ngettext("Estimate: %(count)s row, %(time)s.", "Estimate: %(count)s rows, %(time)s.", guess.rows), values)}${advice}`;
  } catch (error) {
    if (error.name !== "AbortError") {
      cost.replaceChildren(gettext("Not yet:"), " ", Object.assign(document.createElement("span"), { lang: "en", textContent: error.message }));
    }
  }
}

function costSoon() {
  clearTimeout(waiting);
  waiting = setTimeout(showCost, QUIET_MS);
}

// ---- history, in this browser only

function readHistory() {
  try {
    const kept = JSON.parse(localStorage.getItem(HISTORY) ?? "[]");
    return Array.isArray(kept) ? kept.filter((query) => typeof query === "string") : [];
  } catch {
    return [];  // storage is switched off, or holds something else
  }
}

function keep(queries) {
  try {
    localStorage.setItem(HISTORY, JSON.stringify(queries));
  } catch {
    // Without storage there is no history; the page says so by not showing it.
  }
}

function showHistory() {
  const queries = readHistory();
  id("adql-history").hidden = queries.length === 0;
  id("history-body").replaceChildren(...queries.map((query) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: query.replaceAll(/\s+/gu, " ").slice(0, 200) });
    button.addEventListener("click", () => edit(query));
    const item = document.createElement("li");
    item.append(button);
    return item;
  }));
}

function rememberQuery(query) {
  keep([query, ...readHistory().filter((other) => other !== query)].slice(0, MOST_HISTORY));
  showHistory();
}

function edit(query) {
  area.value = query;
  forgive();
  costSoon();
  area.focus();
  area.scrollIntoView({ block: "center" });
}

// ---- run

function show(rows, { query, jobId }) {
  forgive();
  result.hidden = false;
  title.textContent = fill(rows.cut ? ngettext("First %(count)s row", "First %(count)s rows", rows.data.length) : ngettext("%(count)s row", "%(count)s rows", rows.data.length), { count: rows.data.length });
  showTable(id("result-body"), rows);
  offerPlot(id("adql-plot"), rows);
  const uploaded = /\btap_upload\./iu.test(query);
  const maxrec = id("adql-maxrec").value;
  for (const link of links.querySelectorAll("a[data-format]")) {
    link.hidden = uploaded;
    link.href = `/tap/sync?${new URLSearchParams({ LANG: "ADQL", RESPONSEFORMAT: link.dataset.format, ...(maxrec && { MAXREC: maxrec }), QUERY: query })}`;
  }
  const samp = id("result-samp");
  samp.hidden = uploaded;
  samp.dataset.url = links.querySelector("a[data-format]").href;
  history.replaceState(null, "", jobId ? `/tap?job=${jobId}` : `/tap?${new URLSearchParams({ QUERY: query })}`);
  result.focus({ preventScroll: true });
  result.scrollIntoView({ block: "nearest" });
}

async function busy(work) {
  forgive();
  form.setAttribute("aria-busy", "true");
  const buttons = form.querySelectorAll(".panel-head button");
  buttons.forEach((button) => { button.disabled = true; });
  cost.textContent = gettext("Running…");
  const start = performance.now();
  try {
    await work();
    cost.textContent = fill(gettext("Done in %(time)s s."), { time: ((performance.now() - start) / 1000).toFixed(1) });
  } catch (error) {
    cost.textContent = "";
    complain(error);
  } finally {
    form.removeAttribute("aria-busy");
    buttons.forEach((button) => { button.disabled = false; });
  }
}

const settings = () => ({ maxrec: id("adql-maxrec").value, file: id("adql-file").files[0], mostRows: MOST_ROWS });

form.addEventListener("submit", (event) => {
  if (event.submitter?.formAction.includes("/tap/sync")) {
    return;  // the whole result, sent by the service itself
  }
  event.preventDefault();
  clearTimeout(waiting);
  const query = area.value;
  busy(async () => {
    rememberQuery(query);
    show(await runNow(query, settings()), { query });
  });
});

const refreshJobs = watchJobs(id("adql-jobs"), id("jobs-body"), {
  edit, complain,
  open: async (job) => show(await readResult(job.id, MOST_ROWS), { query: job.query, jobId: job.id }),
});

id("run-async").addEventListener("click", () => {
  const query = area.value;
  busy(async () => {
    rememberQuery(query);
    await estimateFirst(query);
    // HTML is the form's format for people without scripts; here jobs keep what this page can show.
    const format = id("adql-format").value === "html" ? "json" : id("adql-format").value;
    await startJob(query, { ...settings(), format });
    await refreshJobs();
    id("adql-jobs").scrollIntoView({ block: "nearest" });
  });
});

// A job with a mistake in it would fail only later: the planner finds it now, and where.
async function estimateFirst(query) {
  if (!/\btap_upload\./iu.test(query)) {
    await estimate(query);
  }
}

async function openShared(job) {
  if (!/^[0-9a-f-]{36}$/u.test(job)) {
    complain(new Error(`there is no job ${job.slice(0, 40)}`));
    return;
  }
  const found = await describeJob(job);
  edit(found.query);
  if (found.phase === "COMPLETED" && found.format === "json") {
    show(await readResult(job, MOST_ROWS), { query: found.query, jobId: job });
  } else {
    cost.textContent = fill(gettext("That job is %(phase)s."), { phase: phaseOf(found) });
  }
}

// ---- the tree

for (const cell of tree.querySelectorAll("[data-column]")) {
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: cell.textContent, title: gettext("Insert") });
  button.dataset.column = "";
  button.addEventListener("click", () => insertText(area, button.textContent));
  cell.replaceWith(button);
}
for (const button of tree.querySelectorAll("[data-insert]")) {
  button.hidden = false;
  button.addEventListener("click", () => insertText(area, button.dataset.insert));
}

const filter = id("tree-filter");
filter.hidden = false;
filter.addEventListener("input", () => {
  const wanted = filter.value.trim().toLowerCase();
  for (const box of tree.querySelectorAll("details[data-table]")) {
    const columns = [...box.querySelectorAll("dt")];
    const inName = box.querySelector("summary").textContent.toLowerCase().includes(wanted);
    const hits = columns.filter((term) => `${term.textContent} ${term.nextElementSibling.textContent}`.toLowerCase().includes(wanted));
    box.hidden = Boolean(wanted) && !inName && !hits.length;
    box.open = wanted.length > 1 && !inName && hits.length > 0;
    columns.forEach((term) => { term.hidden = term.nextElementSibling.hidden = Boolean(wanted) && !inName && !hits.includes(term); });
  }
});

// ---- start

id("adql-keys").hidden = id("run-async").hidden = false;
completeIn(area, id("adql-words"), tree, JSON.parse(id("adql-word-list").textContent));
area.addEventListener("input", costSoon);
area.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.ctrlKey) {
    event.preventDefault();
    form.requestSubmit(form.querySelector(".primary"));
  }
});
showHistory();
const asked = new URLSearchParams(location.search);
if (asked.has("job")) {
  openShared(asked.get("job")).catch(complain);
} else if (asked.get("QUERY")?.trim() && !errorBox.checkVisibility()) {
  form.requestSubmit(form.querySelector(".primary"));
} else {
  costSoon();
}
document.documentElement.dataset.adql = "ready";
