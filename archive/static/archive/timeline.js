// Drag across the lanes to zoom; under the pointer, the numbers of the bar. Without this file the form does the same.

import { fill, gettext } from "./words.js";

const lanes = document.querySelector("[data-timeline]");
const readout = document.querySelector("[data-readout]");
const legend = readout.innerHTML;
const first = Number(lanes.dataset.first);
const last = Number(lanes.dataset.last);
const LEAST_DRAG = 6;
const UNIX_ZERO_MJD = 40587;
const titles = [...document.querySelectorAll("#slices thead th")].slice(-6).map((head) => head.firstChild.textContent);
const rows = [...document.querySelectorAll("#slices tbody tr[data-start]")];
const brush = Object.assign(document.createElement("div"), { className: "brush", hidden: true });
let origin = null;

lanes.append(brush);
document.querySelector("[data-brush-hint]").hidden = false;

function box() {
  const area = lanes.getBoundingClientRect();
  const picture = lanes.querySelector("svg").getBoundingClientRect();
  return { left: picture.left - area.left, width: picture.width, client: picture.left };
}

const clamp = (x) => Math.min(Math.max(x, 0), 1);
const share = (event) => clamp((event.clientX - box().client) / box().width);

function iso(at) {
  return new Date((first + (last - first) * at - UNIX_ZERO_MJD) * 86400e3).toISOString().slice(0, 19);
}

function move(event) {
  const at = share(event);
  if (origin !== null) {
    const { left, width } = box();
    const [low, high] = [Math.min(origin, at), Math.max(origin, at)];
    brush.hidden = false;
    brush.style.left = `${left + low * width}px`;
    brush.style.width = `${(high - low) * width}px`;
    readout.textContent = fill(gettext("%(start)s to %(stop)s UTC"), { start: iso(low).replace("T", " "), stop: iso(high).replace("T", " ") });
    return;
  }
  // The rows are in TT; a minute does not show here.
  const time = first + (last - first) * at;
  const row = rows.find((item) => Number(item.dataset.start) <= time && Number(item.dataset.stop) >= time);
  if (!row) {
    readout.textContent = fill(gettext("%(time)s UTC: nothing"), { time: iso(at).slice(0, 16).replace("T", " ") });
    return;
  }
  const cells = [...row.cells].map((cell) => cell.textContent.trim());
  const good = cells.slice(-6).map((value, i) => `${titles[i]} ${value}`).join(", ");
  readout.textContent = fill(gettext("%(name)s (%(time)s UTC), good time in ks: %(good)s"), { name: cells[0], time: cells[1], good });
}

lanes.addEventListener("pointerdown", (event) => {
  if (event.button === 0 && event.target.closest("svg")) {
    origin = share(event);
    lanes.setPointerCapture(event.pointerId);
    event.preventDefault();
  }
});
lanes.addEventListener("pointermove", move);
lanes.addEventListener("pointerup", (event) => {
  if (origin === null) {
    return;
  }
  const [low, high] = [Math.min(origin, share(event)), Math.max(origin, share(event))];
  origin = null;
  const enough = (high - low) * box().width >= LEAST_DRAG && (last - first) * (high - low) >= 1 / 720;
  if (enough) {
    location.assign(`${location.pathname}?${new URLSearchParams({ from: iso(low), to: iso(high) })}`);
  } else {
    brush.hidden = true;
  }
});
lanes.addEventListener("pointercancel", () => { origin = null; brush.hidden = true; });
lanes.addEventListener("pointerleave", () => { if (origin === null) { readout.innerHTML = legend; } });
