// A click on the coverage map searches there. Inverse Mollweide projection: Snyder 1987, equations 31-5 to 31-7.

import { fill, gettext } from "./words.js";

const chart = document.getElementById("coverage");

function positionOf(event) {
  const box = chart.getBoundingClientRect();
  const x = 2 * (event.clientX - box.left) / box.width - 1;
  const y = 1 - 2 * (event.clientY - box.top) / box.height;
  if (x * x + y * y >= 1) {
    return null;
  }
  const theta = Math.asin(y);
  const b = Math.asin((2 * theta + Math.sin(2 * theta)) / Math.PI) * 180 / Math.PI;
  const l = (-180 * x / Math.cos(theta) + 360) % 360;
  return { l, b };
}

if (chart) {
  chart.style.cursor = "crosshair";
  chart.addEventListener("mousemove", (event) => {
    const place = positionOf(event);
    chart.title = place ? fill(gettext("l = %(l)s°, b = %(b)s°: click to search within 2°"), { l: place.l.toFixed(1), b: place.b.toFixed(1) }) : "";
  });
  chart.addEventListener("click", (event) => {
    const place = positionOf(event);
    if (place) {
      location.assign(`${chart.dataset.search}?q=${encodeURIComponent(`gal ${place.l.toFixed(2)} ${place.b.toFixed(2)}`)}&radius=2`);
    }
  });
}
