// Aladin Lite 3.8 sometimes asks for no tile of a new layer. Move the view by less than a pixel until it does; where
// that does not help, set the layer once more.

import { gettext } from "./words.js";

const STEP_DEG = 1e-5;
const EVERY_MS = 400;
const AGAIN_EVERY = 10;
const TRIES = 60;

function hasAskedForTiles(root) {
  return performance.getEntriesByType("resource").some(({ name }) => name.startsWith(`${root}/Norder`) && name.includes("/Npix"));
}

// Aladin's own buttons and pictures have no names; screen readers need them.
function nameControls() {
  for (const control of document.querySelectorAll(".aladin-container button, .aladin-container select, .aladin-container input")) {
    if (!control.getAttribute("aria-label")) {
      const name = control.title || control.name || control.placeholder || [...control.classList].filter((word) => word.startsWith("aladin-")).at(-1)?.slice(7).replaceAll("-", " ");
      control.setAttribute("aria-label", name || gettext("Viewer control"));
    }
  }
  for (const picture of document.querySelectorAll(".aladin-container img:not([alt])")) {
    picture.alt = "";
  }
}

// Aladin asks itself for the position in the middle of the view, at times before it has drawn any, and then throws.
export function answerOutside(aladin) {
  const ask = aladin.pix2world.bind(aladin);
  aladin.pix2world = (...where) => {
    try {
      return ask(...where);
    } catch {
      return undefined;  // as its own callers expect of a place outside the sky
    }
  };
}

export function nudgeUntilTiles(aladin, root) {
  nameControls();
  let tries = 0;
  const timer = setInterval(() => {
    tries += 1;
    if (hasAskedForTiles(root) || tries > TRIES) {
      clearInterval(timer);
      return;
    }
    const [ra, dec] = aladin.getRaDec();
    aladin.gotoRaDec(ra, dec > 0 ? dec - STEP_DEG : dec + STEP_DEG);
    if (tries % AGAIN_EVERY === 0 && aladin.getBaseImageLayer()) {
      aladin.setBaseImageLayer(aladin.getBaseImageLayer());
    }
  }, EVERY_MS);
}
