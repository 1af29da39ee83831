// What the page asks of the TAP service, by its own standard interface.

const MOST_BYTES = 8_000_000;

function ask(query, extra, file) {
  const form = new FormData();
  form.set("LANG", "ADQL");
  form.set("QUERY", query);
  for (const [name, value] of Object.entries(extra)) {
    if (value) {
      form.set(name, value);
    }
  }
  if (file) {
    form.set("UPLOAD", "mine,param:table");
    form.set("table", file);
  }
  return form;
}

// An error of TAP is a VOTable whose INFO QUERY_STATUS is ERROR (DALI 1.1, section 4.2); it names line and column.
export async function readError(response) {
  const text = await response.text();
  const info = new DOMParser().parseFromString(text, "text/xml").querySelector("INFO[name=QUERY_STATUS]");
  const said = info?.textContent.trim();
  const failure = said ? new Error(said) : new Error(`the service answered ${response.status}`);
  const place = /\(line (\d+), column (\d+)\)\s*$/u.exec(failure.message);
  return Object.assign(failure, place ? { line: Number(place[1]), column: Number(place[2]) } : {});
}

// Our JSON has a row on each line, so the first rows can be read before the rest has come.
async function readRows(response, mostRows) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let whole = true;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) {
      break;
    }
    text += value;
    if (text.length > MOST_BYTES) {
      whole = false;
      await reader.cancel();
      break;
    }
  }
  if (!whole) {
    text = `${text.slice(0, text.lastIndexOf(",\n"))}\n],\n"status": "OVERFLOW"}`;
  }
  const parsed = JSON.parse(text);
  if (!["OK", "OVERFLOW"].includes(parsed.status)) {
    throw new Error(parsed.status);
  }
  return { metadata: parsed.metadata, data: parsed.data.slice(0, mostRows), cut: parsed.status === "OVERFLOW" || parsed.data.length > mostRows };
}

export async function runNow(query, { maxrec, file, mostRows }) {
  const rows = Math.min(Number(maxrec) || mostRows, mostRows);
  const response = await fetch("/tap/sync", { method: "POST", body: ask(query, { RESPONSEFORMAT: "json", MAXREC: String(rows) }, file) });
  if (!response.ok) {
    throw await readError(response);
  }
  return readRows(response, mostRows);
}

export async function estimate(query, signal) {
  const response = await fetch("/tap/sync", { method: "POST", body: ask(query, { REQUEST: "estimate" }), signal });
  if (!response.ok) {
    throw await readError(response);
  }
  return response.json();
}

export async function startJob(query, { maxrec, file, format }) {
  // The reply leads to the public address of the archive, which this page need not have come from: not followed.
  const runId = `page-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
  const body = ask(query, { RESPONSEFORMAT: format, MAXREC: maxrec, RUNID: runId, PHASE: "RUN" }, file);
  const response = await fetch("/tap/async", { method: "POST", body, redirect: "manual" });
  if (response.type !== "opaqueredirect") {
    throw await readError(response);
  }
}

async function readXml(address) {
  const response = await fetch(address, { cache: "no-store" });
  if (!response.ok) {
    throw await readError(response);
  }
  return new DOMParser().parseFromString(await response.text(), "text/xml");
}

const UWS = "http://www.ivoa.net/xml/UWS/v1.0";
const textOf = (node, name) => node.getElementsByTagNameNS(UWS, name)[0]?.textContent ?? "";

export async function listJobs() {
  const list = await readXml("/tap/async?LAST=20");
  return [...list.getElementsByTagNameNS(UWS, "jobref")].map((node) => node.getAttribute("id"));
}

export async function describeJob(id) {
  const job = await readXml(`/tap/async/${id}`);
  const parameter = (name) => [...job.getElementsByTagNameNS(UWS, "parameter")].find((node) => node.getAttribute("id").toUpperCase() === name)?.textContent ?? "";
  const fact = (name) => job.getElementsByTagName(name)[0]?.textContent ?? "";
  const result = job.getElementsByTagNameNS(UWS, "result")[0];
  return {
    id, phase: textOf(job, "phase"), created: textOf(job, "creationTime"), started: textOf(job, "startTime"), ended: textOf(job, "endTime"),
    destruction: textOf(job, "destruction"), query: parameter("QUERY"), format: parameter("RESPONSEFORMAT"), message: textOf(job, "message"),
    progress: Number(fact("progress") || 0), rows: fact("rows"), estimated: fact("estimatedRows"), size: result?.getAttribute("size") ?? "",
  };
}

async function post(address, fields) {
  const response = await fetch(address, { method: "POST", body: new URLSearchParams(fields), redirect: "manual" });
  if (response.type !== "opaqueredirect" && !response.ok) {
    throw await readError(response);
  }
}

export const abortJob = (id) => post(`/tap/async/${id}/phase`, { PHASE: "ABORT" });
export const removeJob = (id) => post(`/tap/async/${id}`, { ACTION: "DELETE" });

export async function readResult(id, mostRows) {
  const response = await fetch(`/tap/async/${id}/results/result`);
  if (!response.ok) {
    throw await readError(response);
  }
  return readRows(response, mostRows);
}
