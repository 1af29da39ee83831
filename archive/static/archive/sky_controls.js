// Colours, coverage and keys of the sky view, and what it shows where the browser has no WebGL.

import { fill, gettext } from "./words.js";

const id = (name) => document.getElementById(name);
const MOST_STILL_DEG = 60;
const STEP = 0.1;  // of the field of view, for each arrow key

export function offerLook(aladin, say) {
  const [colours, stretch, low, high] = ["sky-colours", "sky-stretch", "sky-low", "sky-high"].map(id);
  id("sky-look").hidden = false;
  const words = (name, from, to) => fill(
    gettext("%(name)s, shown from %(low)s to %(high)s, %(stretch)s"),
    { name, low: from, high: to, stretch: stretch.selectedOptions[0].text },
  );
  const apply = () => {
    const [from, to] = [Number(low.value), Number(high.value)];
    if (!(to > from)) {
      const ends = { low: low.value || gettext("nothing"), high: high.value || gettext("nothing") };
      say(fill(gettext("The colours go from %(low)s to %(high)s; the second number must be greater."), ends));
      return;
    }
    const layer = aladin.getBaseImageLayer();
    layer.setColormap(colours.value, { stretch: stretch.value });
    layer.setCuts(from, to);
    say(words(layer.name, from, to));
  };
  for (const control of [colours, stretch, low, high]) {
    control.addEventListener("change", apply);
  }
  return {
    words,
    show({ colormap, stretch: way, low: from, high: to }) {
      colours.value = colormap;
      stretch.value = way;
      low.value = Number(from.toPrecision(3));
      high.value = Number(to.toPrecision(3));
    },
  };
}

export function offerCoverage(A, aladin, say) {
  const select = id("sky-moc");
  let survey = null;
  let moc = null;
  const address = () => {
    const instrument = survey.id.split("_")[0];
    return select.value === "map" ? `/mocs/${survey.id}.fits` : `/mocs/${instrument}-${select.value}.fits`;
  };
  const found = () => ({ map: gettext("Coverage of this map: %(instrument)s"), mission: gettext("Coverage of the mission: %(instrument)s") }[select.value]
    ?? gettext("Coverage in %(year)s: %(instrument)s"));
  const missing = () => ({ map: gettext("There is no coverage of this map for %(instrument)s."), mission: gettext("There is no coverage of the mission for %(instrument)s.") }[select.value]
    ?? gettext("There is no coverage in %(year)s for %(instrument)s."));
  const show = async () => {
    if (moc) {
      moc.hide();
      moc = null;
    }
    if (!select.value || !survey) {
      return;
    }
    const values = { instrument: survey.instrument, year: select.value.replace("year-", "") };
    const response = await fetch(address(), { method: "HEAD" });
    if (!response.ok) {
      say(fill(missing(), values));
      return;
    }
    moc = A.MOCFromURL(address(), { color: "#7fd0ff", lineWidth: 2, fill: false, perimeter: true });
    aladin.addMOC(moc);
    say(fill(found(), values));
  };
  select.addEventListener("change", show);
  return { follow(shown) { survey = shown; show(); } };
}

export function moveByKeys(aladin, view, remember) {
  const moves = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  view.addEventListener("keydown", (event) => {
    if (event.target !== view || event.ctrlKey || event.altKey || event.metaKey) {
      return;
    }
    const fov = aladin.getFov()[0];
    if (event.key in moves) {
      const [east, north] = moves[event.key];
      const [ra, dec] = aladin.getRaDec();
      const away = Math.max(0.05, Math.cos(dec * Math.PI / 180));
      aladin.gotoRaDec((ra + east * fov * STEP / away + 360) % 360, Math.max(-90, Math.min(90, dec + north * fov * STEP)));
    } else if (event.key === "+" || event.key === "=") {
      aladin.setFoV(fov / 1.5);
    } else if (event.key === "-") {
      aladin.setFoV(Math.min(360, fov * 1.5));
    } else {
      return;
    }
    event.preventDefault();
    remember();
  });
}

export function showStill(view, state, say) {
  const size = Math.min(state.fov, MOST_STILL_DEG);
  const query = new URLSearchParams({ format: "png", pixels: 600, ra: state.ra, dec: state.dec, size });
  if (state.survey) {
    query.set("survey", state.survey);
  }
  const alt = fill(gettext("Map of %(size)s° around %(ra)s %(dec)s, north up, east left"), { size, ra: state.ra, dec: state.dec });
  const image = Object.assign(new Image(600, 600), { className: "sky-still", src: `/api/v1/cutout?${query}`, alt });
  image.addEventListener("error", () => { image.replaceWith(gettext("This release has no sky map here.")); });
  view.removeAttribute("role");
  view.removeAttribute("tabindex");
  view.removeAttribute("aria-label");
  view.replaceChildren(image);
  say(gettext("This browser has no WebGL, which the moving view needs: a still picture instead. The form above searches a circle all the same."));
  document.documentElement.dataset.sky = "still";
}
