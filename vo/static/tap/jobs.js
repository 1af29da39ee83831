// The list of one's own jobs: phase, progress, abort, result, link.

import { fill, gettext, ngettext } from "../archive/words.js";
import { abortJob, describeJob, listJobs, removeJob } from "./service.js";

const ACTIVE = new Set(["PENDING", "QUEUED", "EXECUTING"]);
const FINAL = new Map();
const PHASES = {
  PENDING: gettext("pending"), QUEUED: gettext("queued"), EXECUTING: gettext("executing"), COMPLETED: gettext("completed"),
  ERROR: gettext("error"), ABORTED: gettext("aborted"), HELD: gettext("held"), SUSPENDED: gettext("suspended"),
  ARCHIVED: gettext("archived"), UNKNOWN: gettext("unknown"),
};
const element = (name, fields = {}, children = []) => {
  const made = Object.assign(document.createElement(name), fields);
  made.append(...children);
  return made;
};

// The phase of a job (UWS 1.1 section 2.1.3) in words.
export const phaseOf = (job) => PHASES[job.phase] ?? job.phase.toLowerCase();

export function watchJobs(section, body, { open, edit, complain }) {
  let timer = null;

  async function refresh() {
    clearTimeout(timer);
    let jobs = [];
    try {
      const ids = await listJobs();
      jobs = await Promise.all(ids.map(async (id) => FINAL.get(id) ?? describeJob(id)));
    } catch (error) {
      complain(error);
      return;
    }
    for (const job of jobs.filter(({ phase }) => !ACTIVE.has(phase))) {
      FINAL.set(job.id, job);
    }
    section.hidden = jobs.length === 0;
    body.replaceChildren(table(jobs));
    if (jobs.some(({ phase }) => ACTIVE.has(phase))) {
      timer = setTimeout(refresh, 1000);
    }
  }

  function button(text, act, job) {
    const made = element("button", { type: "button", textContent: text });
    made.setAttribute("aria-label", fill(gettext("%(action)s: job of %(when)s"), { action: text, when: job.created.slice(0, 16).replace("T", " ") }));
    made.addEventListener("click", async () => {
      try {
        await act();
      } catch (error) {
        complain(error);
      }
    });
    return made;
  }

  function actions(job) {
    const act = [];
    if (ACTIVE.has(job.phase)) {
      act.push(button(gettext("Abort"), async () => { await abortJob(job.id); await refresh(); }, job));
    }
    if (job.phase === "COMPLETED") {
      if (job.format === "json") {
        act.push(button(gettext("Show"), () => open(job), job));
      }
      act.push(element("a", { href: `/tap/async/${job.id}/results/result`, textContent: gettext("Result") }));
    }
    act.push(button(gettext("Edit"), () => edit(job.query), job));
    act.push(element("a", { href: `/tap?job=${job.id}`, textContent: gettext("Link") }));
    if (!ACTIVE.has(job.phase)) {
      act.push(button(gettext("Remove"), async () => { await removeJob(job.id); FINAL.delete(job.id); await refresh(); }, job));
    }
    return act;
  }

  function state(job) {
    if (!ACTIVE.has(job.phase)) {
      const words = { phase: phaseOf(job), count: job.rows };
      return [job.rows ? fill(ngettext("%(phase)s, %(count)s row", "%(phase)s, %(count)s rows", Number(job.rows)), words) : words.phase];
    }
    const bar = element("progress", { max: 1 });
    bar.setAttribute("aria-label", gettext("Progress"));
    if (job.progress > 0) {
      bar.value = job.progress;
    }
    const phase = job.started ? gettext("running") : gettext("waiting");
    return [bar, " ", job.estimated ? fill(gettext("%(phase)s, about %(count)s rows"), { phase, count: job.estimated }) : phase];
  }

  function table(jobs) {
    const head = [gettext("State"), gettext("Made (UTC)"), gettext("Query"), gettext("Kept until"), gettext("Actions")].map((text) => element("th", { scope: "col", textContent: text }));
    const rows = jobs.map((job) => {
      const cells = [
        element("td", {}, state(job)),
        element("td", { textContent: job.created.slice(0, 16).replace("T", " ") }),
        element("td", { className: "long" }, [element("code", { textContent: job.query.replaceAll(/\s+/gu, " ").slice(0, 160) }), job.message && job.phase === "ERROR" ? element("p", { className: "form-error", lang: "en", textContent: job.message }) : ""]),
        element("td", { textContent: job.destruction.slice(0, 10) }),
        element("td", {}, actions(job)),
      ];
      const row = element("tr", {}, cells);
      row.dataset.phase = job.phase;
      return row;
    });
    return element("table", {}, [element("thead", {}, [element("tr", {}, head)]), element("tbody", {}, rows)]);
  }

  refresh();
  return refresh;
}
