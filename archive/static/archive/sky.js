// The sky view: Aladin Lite on this archive's own tiles; sources and fields from the archive; its state in the URL.

import A from "../vendor/aladin-lite/aladin.js";
import { answerOutside, nudgeUntilTiles } from "./nudge.js";
import { searchRegions } from "./region.js";
import { moveByKeys, offerCoverage, offerLook, showStill } from "./sky_controls.js";
import { fill, gettext, pgettext } from "./words.js";

const state = JSON.parse(document.getElementById("sky-state").textContent);
const status = document.getElementById("sky-status");
const selects = Object.fromEntries(["instrument", "band", "quantity", "epoch"].map((name) => [name, document.getElementById(`sky-${name}`)]));
const FIELD_RADIUS_DEG = 4.1;
const BRIGHT_SOURCES = 60;
const ALL_SOURCES_BELOW_DEG = 40;
const LOOKS = { flux: ["inferno", "asinh"], significance: ["inferno", "linear"], exposure: ["viridis", "linear"], sensitivity: ["viridis", "linear"] };
const WORDS = {
  flux: gettext("flux"),
  significance: gettext("significance"),
  exposure: gettext("exposure"),
  sensitivity: gettext("sensitivity"),
  all: pgettext("energy bands", "all"),
  "whole mission": gettext("whole mission"),
};
let aladin = null;
let look = null;
let coverage = null;
let surveys = [];

// Sentences of errors are in English for everyone.
function say(text, language = "") {
  status.textContent = text;
  status.lang = language || document.documentElement.lang;
}

// hips_list: blocks of "key = value" (HiPS 1.0, section 5.2).
function parseList(text) {
  return text.split(/\n\s*\n/u).map((block) => Object.fromEntries(
    block.split("\n").filter((line) => line.includes("=")).map((line) => {
      const place = line.indexOf("=");
      return [line.slice(0, place).trim(), line.slice(place + 1).trim()];
    }),
  )).filter((record) => record.hips_service_url || record.ID || record.creator_did);
}

function describe(record) {
  const address = new URL(record.hips_service_url, location.href);
  const id = address.pathname.replace(/\/+$/u, "").split("/").pop();
  const title = record.obs_title ?? id;
  const band = /([\d.]+)\s*[-–]\s*([\d.]+)\s*keV/u.exec(title);
  const quantity = Object.keys(LOOKS).find((word) => title.includes(word) || id.includes(word)) ?? "flux";
  const instrument = /INTEGRAL\s+(.+?)\s+[\d.]+\s*[-–]/u.exec(title)?.[1] ?? "INTEGRAL";
  const epoch = /(?:^|[^\d])(20\d\d)(?:[^\d]|$)/u.exec(`${id} ${title}`)?.[1] ?? "whole mission";
  return { id, title, quantity, instrument, epoch, band: band ? `${band[1]}–${band[2]} keV` : "all", url: `${location.origin}${address.pathname.replace(/\/+$/u, "")}` };
}

function offer(select, values, wanted) {
  select.replaceChildren(...values.map((value) => new Option(WORDS[value] ?? value, value, false, value === wanted)));
  select.disabled = values.length === 0;
  if (!values.includes(wanted) && values.length) {
    [select.value] = values;
  }
}

const unique = (values) => [...new Set(values)];

function offerChoices(wanted) {
  offer(selects.instrument, unique(surveys.map((survey) => survey.instrument)), wanted.instrument);
  const ofInstrument = surveys.filter((survey) => survey.instrument === selects.instrument.value);
  offer(selects.band, unique(ofInstrument.map((survey) => survey.band)), wanted.band);
  const ofBand = ofInstrument.filter((survey) => survey.band === selects.band.value);
  offer(selects.quantity, unique(ofBand.map((survey) => survey.quantity)), wanted.quantity);
  const ofQuantity = ofBand.filter((survey) => survey.quantity === selects.quantity.value);
  offer(selects.epoch, unique(ofQuantity.map((survey) => survey.epoch)), wanted.epoch);
  return ofQuantity.find((survey) => survey.epoch === selects.epoch.value);
}

// A fixed range makes bands comparable: what is bright is significant. Other maps bring their own range.
const SIGNIFICANCE_CUTS = [0, 8];

async function readCuts(survey) {
  if (survey.quantity === "significance") {
    return SIGNIFICANCE_CUTS;
  }
  const response = await fetch(`${survey.url}/properties`);
  const cut = /hips_pixel_cut\s*=\s*(\S+)\s+(\S+)/u.exec(await response.text());
  return cut ? [Number(cut[1]), Number(cut[2])] : [0, 1];
}

async function showSurvey(survey) {
  const [low, high] = await readCuts(survey);
  const [colormap, stretch] = LOOKS[survey.quantity];
  aladin.setBaseImageLayer(A.HiPS(survey.url, { name: survey.title, imgFormat: "fits", colormap, stretch, minCut: low, maxCut: high }));
  nudgeUntilTiles(aladin, survey.url);
  look.show({ colormap, stretch, low, high });
  coverage.follow(survey);
  state.survey = survey.id;
  remember();
  say(look.words(survey.title, Number(low.toPrecision(3)), `${Number(high.toPrecision(3))}${survey.quantity === "significance" ? " σ" : ""}`));
}

function remember() {
  const [ra, dec] = aladin.getRaDec();
  const query = new URLSearchParams({ ra: ra.toFixed(4), dec: dec.toFixed(4), fov: aladin.getFov()[0].toPrecision(4) });
  if (state.survey) {
    query.set("survey", state.survey);
  }
  history.replaceState(null, "", `?${query}`);
}

async function addMarks() {
  const marks = await (await fetch("/sky/marks.json")).json();
  const asMarks = (sources) => sources.map(([id, name, ra, dec]) => A.source(ra, dec, { id, name }));
  const makeCatalogue = (name, sources) => {
    const catalogue = A.catalog({ name, shape: "circle", sourceSize: 8, color: "#ffd27acc", onClick: "none" });
    catalogue.addSources(asMarks(sources));
    aladin.addCatalog(catalogue);
    return catalogue;
  };
  const bright = makeCatalogue(gettext("Brightest sources"), marks.sources.slice(0, BRIGHT_SOURCES));
  const faint = makeCatalogue(gettext("Other sources"), marks.sources.slice(BRIGHT_SOURCES));
  const box = document.getElementById("sky-sources");
  const showSources = () => {
    const narrow = aladin.getFov()[0] <= ALL_SOURCES_BELOW_DEG;
    box.checked ? bright.show() : bright.hide();
    box.checked && narrow ? faint.show() : faint.hide();
  };
  showSources();
  aladin.on("zoomChanged", () => { showSources(); remember(); });
  const fields = A.graphicOverlay({ name: pgettext("fields of view", "Fields"), color: "#7fd0ff", lineWidth: 1 });
  aladin.addOverlay(fields);
  for (const [, , ra, dec] of marks.observations) {
    fields.add(A.circle(ra, dec, FIELD_RADIUS_DEG, { color: "#7fd0ff55" }));
  }
  fields.hide();
  box.addEventListener("change", () => {
    showSources();
    const words = gettext("The %(bright)s brightest sources; all %(total)s below a field of %(field)s°");
    say(box.checked ? fill(words, { bright: BRIGHT_SOURCES, total: marks.source_total, field: ALL_SOURCES_BELOW_DEG }) : "");
  });
  document.getElementById("sky-fields").addEventListener("change", (event) => {
    event.target.checked ? fields.show() : fields.hide();
    const shown = marks.observations.length;
    const words = shown < marks.observation_total
      ? gettext("Fully coded fields (circles of 4.1°) of the latest %(shown)s of %(total)s observations")
      : gettext("Fully coded fields (circles of 4.1°) of %(total)s observations");
    say(event.target.checked ? fill(words, { shown, total: marks.observation_total }) : "");
  });
  if (marks.sources.length < marks.source_total) {
    say(fill(gettext("Only %(shown)s of %(total)s sources are marked."), { shown: marks.sources.length, total: marks.source_total }));
  }
  aladin.on("objectHovered", (object) => object?.data?.name && say(fill(gettext("%(name)s: click for its page"), { name: object.data.name })));
  aladin.on("objectClicked", (object) => object?.data?.id && location.assign(`/sources/${encodeURI(object.data.id)}`));
}

async function goTo(event) {
  event.preventDefault();
  const text = document.getElementById("sky-q").value.trim();
  if (!text) {
    return;
  }
  const response = await fetch(`/api/v1/resolve?name=${encodeURIComponent(text)}`);
  const body = await response.json();
  if (!response.ok) {
    say(body.error.message, "en");
    return;
  }
  aladin.gotoRaDec(body.ra, body.dec);
  aladin.setFoV(Math.min(aladin.getFov()[0], 12));
  remember();
  say(`${text}: ICRS ${body.ra.toFixed(4)} ${body.dec.toFixed(4)}`);
}

async function start() {
  if (!document.createElement("canvas").getContext("webgl2")) {
    showStill(document.getElementById("aladin"), state, say);
    return;
  }
  const [list] = await Promise.all([fetch("/hips/list"), A.init]);
  surveys = list.ok ? parseList(await list.text()).map(describe) : [];
  // Maps of the whole mission come first, so that a map of one year is shown only when it is asked for.
  surveys.sort((a, b) => Number(b.epoch === "whole mission") - Number(a.epoch === "whole mission"));
  const first = surveys.find((survey) => survey.id === state.survey) ?? surveys.find((survey) => survey.quantity === "significance") ?? surveys[0];
  const cooFrame = state.fov >= 90 ? "galactic" : "ICRSd";
  aladin = A.aladin("#aladin", {
    survey: [], hipsList: [], samp: false, log: false, fov: state.fov, cooFrame, projection: state.fov >= 120 ? "MOL" : "TAN",
    showReticle: true, showZoomControl: true, showLayersControl: false, showGotoControl: false, showShareControl: false,
    showFullscreenControl: true, showFrame: true, showCooGrid: false, showSimbadPointerControl: false, showContextMenu: false,
    showProjectionControl: true, showStatusBar: false, backgroundColor: "rgb(8,19,28)",
  });
  answerOutside(aladin);
  aladin.gotoRaDec(state.ra, state.dec);
  look = offerLook(aladin, say);
  coverage = offerCoverage(A, aladin, say);
  moveByKeys(aladin, document.getElementById("aladin"), remember);
  if (first) {
    await showSurvey(offerChoices(first));
  }
  for (const select of Object.values(selects)) {
    select.addEventListener("change", () => {
      const survey = offerChoices({ instrument: selects.instrument.value, band: selects.band.value, quantity: selects.quantity.value, epoch: selects.epoch.value });
      showSurvey(survey);
    });
  }
  await addMarks();
  searchRegions(A, aladin, say);
  aladin.on("positionChanged", remember);
  document.getElementById("sky-form").addEventListener("submit", goTo);
  document.documentElement.dataset.sky = "ready";
}

start().catch((error) => say(fill(gettext("The sky view could not start (%(reason)s). The maps have static previews under HiPS; sources and observations are lists."), { reason: error.message })));
