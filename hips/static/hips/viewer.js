// The sky viewer of the HiPS page: Aladin Lite on our own tiles only, its state in the address of the page.

import { nudgeUntilTiles } from "../archive/nudge.js";

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
const shown = config.surveys.find((survey) => survey.id === config.survey);
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

function defaultLook(survey) {
  const [low, high] = (properties.hips_pixel_cut ?? "0 1").split(" ").map(Number);
  const linear = survey.quantity !== "flux";
  return { low, high, stretch: linear ? "linear" : "asinh", colormap: survey.quantity === "exposure" || survey.quantity === "sensitivity" ? "viridis" : "inferno" };
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
    colormap: controls.elements.colormap.value,
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
    value.textContent = "The range must go from a lower to a higher number.";
    return;
  }
  layer.setColormap(wanted.colormap, { stretch: wanted.stretch });
  layer.setCuts(wanted.low, wanted.high);
}

function makeLayer(id, name) {
  if (shown.quantity === "colour") {
    return A.HiPS(rootOf(id), { name, imgFormat: "png" });
  }
  const { low, high, stretch, colormap } = look();
  return A.HiPS(rootOf(id), { name, imgFormat: "fits", colormap, stretch, minCut: low, maxCut: high });
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
  button.textContent = playing === null ? "Play" : "Stop";
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
  const number = Number(box.value);
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
    coverage = A.MOCFromURL(`${rootOf(config.sequence[stepShown]?.id ?? shown.id)}/Moc.fits`, { name: "coverage", color: "#7fd0ff", lineWidth: 2, perimeter: true });
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

function rememberView() {
  const [ra, dec] = aladin.getRaDec();
  const query = new URLSearchParams({ ra: ra.toFixed(4), dec: dec.toFixed(4), fov: aladin.getFov()[0].toPrecision(4) });
  history.replaceState(null, "", `?${query}`);
}

function readValue(event) {
  const box = holder.getBoundingClientRect();
  const [x, y] = [event.clientX - box.left, event.clientY - box.top];
  const position = aladin.pix2world(x, y, "ICRS");
  if (!position || !layer) {
    return;
  }
  let text = "no data";
  try {
    const pixel = layer.readPixel(x, y);
    if (shown.quantity === "colour") {
      text = "a colour; the maps of single bands have values";
    } else if (typeof pixel === "number" && Number.isFinite(pixel)) {
      text = `${pixel.toPrecision(5)} ${shown.unit}`;
    }
  } catch {
    text = "not loaded yet";
  }
  value.textContent = `${position[0].toFixed(4)}, ${position[1] >= 0 ? "+" : ""}${position[1].toFixed(4)} (ICRS degrees): ${text}`;
}

function listen() {
  controls.addEventListener("change", (event) => {
    if (event.target.name === "coverage") {
      showCoverage();
    } else if (event.target.name === "catalogue") {
      showCatalogue(event.target);
    } else if (event.target.name === "grid") {
      aladin.setCooGrid({ enabled: event.target.checked });
    } else if (event.target.name !== "position") {
      applyLook();
    }
  });
  controls.addEventListener("submit", (event) => {
    event.preventDefault();
    const position = parsePosition(controls.elements.position.value);
    if (position === null) {
      value.textContent = "Write a position as two numbers in degrees or as hours and degrees, for example 83.633 22.014.";
    } else {
      aladin.gotoRaDec(...position);
    }
  });
  controls.addEventListener("reset", (event) => {
    event.preventDefault();
    fillControls(defaultLook(shown));
    applyLook();
  });
  for (const link of document.querySelectorAll("[data-survey]")) {
    link.addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) {
        return;
      }
      // A whole new page keeps address, files and code in step with the map; the view goes along.
      event.preventDefault();
      rememberView();
      location.assign(`${link.href}${location.search}`);
    });
  }
  aladin.on("positionChanged", rememberView);
  aladin.on("zoomChanged", rememberView);
  holder.addEventListener("pointermove", readValue);
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
  });
}

try {
  A = (await import(holder.dataset.aladin)).default;
  await A.init;
  properties = await readProperties(config.survey);
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
  aladin.gotoRaDec(startView().ra, startView().dec);
  fillControls(defaultLook(shown));
  if (shown.quantity === "colour") {
    for (const name of ["colormap", "stretch", "low", "high"]) {
      controls.elements[name].disabled = true;
    }
  }
  showSurvey();
  listen();
  listenToSequence();
  window.archipelagoSky = aladin;
  say("");
} catch (error) {
  say(`The viewer could not start (${error.message}). The files below work without it.`);
}
