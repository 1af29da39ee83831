// The sky viewer of the HiPS page: Aladin Lite on our own tiles only, its state in the address of the page.

import { answerOutside, nudgeUntilTiles } from "../archive/nudge.js";
import { fill, gettext } from "../archive/words.js";
import { addPalettes, PALETTES, valueAt } from "./palettes.js";

const config = JSON.parse(document.getElementById("hips-config").textContent);
const holder = document.getElementById("hips-viewer");
const message = document.getElementById("hips-message");
const controls = document.getElementById("hips-controls");
const value = document.getElementById("hips-value");
const state = new URLSearchParams(location.search);

let aladin = null;
let A = null;
let layer = null;
let coverage = null;
let playing = null;
let stepShown = null;
const overlays = new Map();
const shown = config.survey;
const TICKS = 5;
let properties = {};


function say(text) {
  message.textContent = text;
  message.hidden = text === "";
}

function rootOf(id) {
  return `${location.origin}${config.root}/${id}`;
}

async function readProperties(id) {
  const response = await fetch(`${rootOf(id)}/properties`);
  if (!response.ok) {
    throw new Error(await response.text());
  }
  const pairs = (await response.text()).split("\n").filter((line) => line.includes("="));
  return Object.fromEntries(pairs.map((line) => {
    const place = line.indexOf("=");
    return [line.slice(0, place).trim(), line.slice(place + 1).trim()];
  }));
}

// The look of the address, where it is one that can be drawn; else that of the map.
function startLook() {
  const wanted = { ...config.look };
  for (const name of ["low", "high"]) {
    const number = parseFloat(state.get(name));
    if (Number.isFinite(number)) {
      wanted[name] = number;
    }
  }
  for (const name of ["colours", "stretch"]) {
    if ([...controls.elements[name].options].some(({ value: offered }) => offered === state.get(name))) {
      wanted[name] = state.get(name);
    }
  }
  return wanted.low < wanted.high ? wanted : config.look;
}

// Where the address says, else where the survey begins; a whole sky is shown as a whole.
function startView() {
  const wide = Number(properties.hips_initial_fov) >= 180 ? 360 : Number(properties.hips_initial_fov);
  const from = (name, fallback) => (Number.isFinite(parseFloat(state.get(name))) ? parseFloat(state.get(name)) : Number(fallback));
  return {
    ra: from("ra", properties.hips_initial_ra),
    dec: from("dec", properties.hips_initial_dec),
    fov: Math.min(Math.max(from("fov", wide), 0.01), 360),
  };
}

function look() {
  return {
    low: Number(controls.elements.low.value),
    high: Number(controls.elements.high.value),
    stretch: controls.elements.stretch.value,
    colours: controls.elements.colours.value,
  };
}

function fillControls(wanted) {
  for (const [name, content] of Object.entries(wanted)) {
    controls.elements[name].value = content;
  }
}

function applyLook() {
  const wanted = look();
  if (shown.quantity === "colour") {
    return;
  }
  if (!(wanted.low < wanted.high)) {
    value.textContent = gettext("The range must go from a lower to a higher number.");
    return;
  }
  layer.setColormap(`archive-${wanted.colours}`, { stretch: wanted.stretch });
  layer.setCuts(wanted.low, wanted.high);
  showLegend();
  rememberView();
}

function writeNumber(number) {
  return Math.abs(number) >= 1e5 ? number.toExponential(1).replace("e+", "e") : String(Number(number.toPrecision(3)));
}

// The bar of colours with the values at even distances along it.
function showLegend() {
  const wanted = look();
  const parts = Array.from({ length: TICKS }, (_, number) => number / (TICKS - 1));
  document.getElementById("hips-ramp").style.background = `linear-gradient(to right, ${PALETTES[wanted.colours].join(", ")})`;
  document.getElementById("hips-ticks").replaceChildren(...parts.map((part) => {
    const tick = document.createElement("li");
    tick.textContent = writeNumber(valueAt(part, wanted));
    return tick;
  }));
  const stretch = controls.elements.stretch.selectedOptions[0].textContent;
  document.getElementById("hips-scale").textContent = `${shown.legend} [${shown.unit || "σ"}], ${stretch}`;
  document.getElementById("hips-legend").hidden = false;
}

function makeLayer(id, name) {
  if (shown.quantity === "colour") {
    return A.HiPS(rootOf(id), { name, imgFormat: "png" });
  }
  const { low, high, stretch, colours } = look();
  return A.HiPS(rootOf(id), { name, imgFormat: "fits", colormap: `archive-${colours}`, stretch, minCut: low, maxCut: high });
}

function showSurvey() {
  layer = makeLayer(shown.id, shown.title);
  aladin.setBaseImageLayer(layer);
  nudgeUntilTiles(aladin, rootOf(shown.id));
  showCoverage();
}

// One map of the sequence in time; the look stays, so that brightness can be compared.
function showStep(number) {
  const step = config.sequence[number];
  stepShown = number;
  document.getElementById("hips-step").value = String(number);
  document.getElementById("hips-epoch").textContent = step.label;
  layer = makeLayer(step.id, step.label);
  aladin.setBaseImageLayer(layer);
  nudgeUntilTiles(aladin, rootOf(step.id));
  const link = document.getElementById("hips-step-link");
  link.href = `../${step.id}/${location.search}`;
  link.hidden = step.id === shown.id;
  showCoverage();
}

function togglePlaying() {
  const button = document.getElementById("hips-play");
  if (playing === null) {
    const advance = () => showStep(((stepShown ?? -1) + 1) % config.sequence.length);
    advance();
    playing = setInterval(advance, 1500);
  } else {
    clearInterval(playing);
    playing = null;
  }
  button.textContent = playing === null ? gettext("Play") : gettext("Stop");
  button.setAttribute("aria-pressed", String(playing !== null));
}

function listenToSequence() {
  if (config.sequence.length === 0) {
    return;
  }
  const slider = document.getElementById("hips-step");
  const here = config.sequence.findIndex((step) => step.id === shown.id);
  slider.value = String(Math.max(here, 0));
  stepShown = here < 0 ? null : here;
  slider.addEventListener("input", () => showStep(Number(slider.value)));
  slider.addEventListener("keydown", (event) => {
    if (event.key === " ") {
      event.preventDefault();
      togglePlaying();
    }
  });
  document.getElementById("hips-play").addEventListener("click", togglePlaying);
}

const catalogueColours = ["#ffd166", "#7fd8be", "#ff8fa3", "#9bb1ff", "#f4a261", "#c3f584"];

function showCatalogue(box) {
  const number = config.catalogues.findIndex(({ id }) => id === box.value);
  if (box.checked && !overlays.has(number)) {
    const { url, title } = config.catalogues[number];
    const catalogue = A.catalogHiPS(`${location.origin}${url}`, {
      name: title, onClick: "showTable", color: catalogueColours[number % 6], sourceSize: 10, shape: "circle",
    });
    overlays.set(number, catalogue);
    aladin.addCatalog(catalogue);
  } else if (!box.checked && overlays.has(number)) {
    aladin.removeOverlay(overlays.get(number));
    overlays.delete(number);
  }
}

function showCoverage() {
  if (coverage !== null) {
    aladin.removeOverlay(coverage);
    coverage = null;
  }
  if (controls.elements.coverage.checked) {
    coverage = A.MOCFromURL(`${rootOf(config.sequence[stepShown]?.id ?? shown.id)}/Moc.fits`, { name: gettext("coverage"), color: "#7fd0ff", lineWidth: 2, perimeter: true });
    aladin.addMOC(coverage);
  }
}

// Decimal degrees, or hours and degrees in parts: both ICRS.
function parsePosition(text) {
  const parts = text.trim().replaceAll(/[:hmsd°'"′″,]+/gu, " ").split(/\s+/u).map(Number);
  if (parts.some(Number.isNaN)) {
    return null;
  }
  if (parts.length === 2) {
    return parts;
  }
  if (parts.length === 6) {
    const sign = text.includes("-") ? -1 : 1;
    return [
      15 * (parts[0] + parts[1] / 60 + parts[2] / 3600),
      sign * (Math.abs(parts[3]) + parts[4] / 60 + parts[5] / 3600),
    ];
  }
  return null;
}

// Everything that was chosen goes into the address of the page: whoever opens it sees the same.
function rememberView() {
  const [ra, dec] = aladin.getRaDec();
  const query = new URLSearchParams({ ra: ra.toFixed(4), dec: dec.toFixed(4), fov: aladin.getFov()[0].toPrecision(4) });
  if (config.look !== null) {
    for (const [name, chosen] of Object.entries(look())) {
      if (chosen !== config.look[name]) {
        query.set(name, chosen);
      }
    }
  }
  rememberOverlays(query);
  history.replaceState(null, "", `?${query}`);
  document.getElementById("hips-link").textContent = location.href;
}

function rememberOverlays(query) {
  for (const name of ["coverage", "grid"]) {
    if (controls.elements[name].checked) {
      query.set(name, "1");
    }
  }
  for (const box of controls.querySelectorAll("[name=catalogue]:checked")) {
    query.append("catalogue", box.value);
  }
}

function restoreOverlays() {
  for (const name of ["coverage", "grid"]) {
    controls.elements[name].checked = state.get(name) === "1";
  }
  aladin.setCooGrid({ enabled: controls.elements.grid.checked });
  for (const box of controls.querySelectorAll("[name=catalogue]")) {
    box.checked = state.getAll("catalogue").includes(box.value);
    showCatalogue(box);
  }
}

function readValue(event) {
  const box = holder.getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  const position = aladin.pix2world(x, y, "ICRS");
  if (!position || !layer) {
    return;
  }
  let text = gettext("no data");
  try {
    const pixel = layer.readPixel(x, y);
    if (shown.quantity === "colour") {
      text = gettext("a colour; the maps of single bands have values");
    } else if (typeof pixel === "number" && Number.isFinite(pixel)) {
      text = `${pixel.toPrecision(5)} ${shown.unit}`;
    }
  } catch {
    text = gettext("not loaded yet");
  }
  const [ra, dec] = [position[0].toFixed(4), `${position[1] >= 0 ? "+" : ""}${position[1].toFixed(4)}`];
  value.textContent = fill(gettext("%(ra)s, %(dec)s (ICRS degrees): %(value)s"), { ra, dec, value: text });
}

function listen() {
  controls.addEventListener("change", (event) => {
    if (event.target.name === "coverage") {
      showCoverage();
      rememberView();
    } else if (event.target.name === "catalogue") {
      showCatalogue(event.target);
      rememberView();
    } else if (event.target.name === "grid") {
      aladin.setCooGrid({ enabled: event.target.checked });
      rememberView();
    } else if (event.target.name !== "position") {
      applyLook();
    }
  });
  controls.addEventListener("submit", (event) => {
    event.preventDefault();
    const position = parsePosition(controls.elements.position.value);
    if (position === null) {
      value.textContent = gettext("Write a position as two numbers in degrees or as hours and degrees, for example 83.633 22.014.");
    } else {
      aladin.gotoRaDec(...position);
    }
  });
  controls.addEventListener("reset", (event) => {
    event.preventDefault();
    fillControls(config.look);
    applyLook();
  });
  for (const link of document.querySelectorAll("[data-survey]")) {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) {
        return;
      }
      // A whole new page keeps address, files and code in step with the map; the view goes along, the range does not.
      event.preventDefault();
      rememberView();
      const query = new URLSearchParams(location.search);
      ["low", "high", "stretch", "colours"].forEach((name) => query.delete(name));
      location.assign(`${link.href}?${query}`);
    });
  }
  aladin.on("positionChanged", rememberView);
  aladin.on("zoomChanged", rememberView);
  holder.addEventListener("pointermove", readValue);
}

try {
  A = (await import(holder.dataset.aladin)).default;
  await A.init;
  properties = await readProperties(shown.id);
  // No default survey and no list of surveys: nothing is fetched from another host.
  aladin = A.aladin(holder, {
    survey: [],
    hipsList: [],
    samp: false,
    log: false,
    cooFrame: "gal",
    projection: "AIT",
    fov: startView().fov,
    backgroundColor: "#05060b",
    showCooGridControl: false,
    showShareControl: false,
    showLayersControl: false,
    showSimbadPointerControl: false,
    showContextMenu: false,
    showStatusBar: false,
  });
  answerOutside(aladin);
  aladin.gotoRaDec(startView().ra, startView().dec);
  addPalettes(aladin);
  if (config.look === null) {
    document.getElementById("hips-look").hidden = true;
  } else {
    fillControls(startLook());
    showLegend();
  }
  restoreOverlays();
  showSurvey();
  listen();
  listenToSequence();
  window.archipelagoSky = aladin;
  say("");
} catch (error) {
  say(fill(gettext("The viewer could not start (%(reason)s). The files below work without it."), { reason: error.message }));
}
