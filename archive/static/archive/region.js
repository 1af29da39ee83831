// A circle or polygon on the sky: typed, taken from the view or drawn; its observations as rows and fields that know each other.

import { fill, gettext, ngettext, pgettext } from "./words.js";

const FIELD_RADIUS_DEG = 4.1;
const MOST_ROWS = 200;
const RADIAN = Math.PI / 180;
const id = (name) => document.getElementById(name);
const element = (name, fields = {}, children = []) => {
  const made = Object.assign(document.createElement(name), fields);
  made.append(...children);
  return made;
};

export function separation(ra1, dec1, ra2, dec2) {
  // Haversine: exact for small angles (R. W. Sinnott 1984, Sky and Telescope 68, 158).
  const half = (degrees) => Math.sin(degrees * RADIAN / 2) ** 2;
  const sum = half(dec2 - dec1) + Math.cos(dec1 * RADIAN) * Math.cos(dec2 * RADIAN) * half(ra2 - ra1);
  return 2 * Math.asin(Math.min(1, Math.sqrt(sum))) / RADIAN;
}

export function searchRegions(A, aladin, say) {
  const form = id("sky-region");
  const [ra, dec, radius] = ["region-ra", "region-dec", "region-radius"].map(id);
  const circle = A.graphicOverlay({ name: gettext("Circle"), color: "#ffffff", lineWidth: 2 });
  const fields = A.graphicOverlay({ name: gettext("Fields in the circle"), color: "#7fd0ff", lineWidth: 1 });
  const marked = A.graphicOverlay({ name: gettext("Marked field"), color: "#ffb347", lineWidth: 3 });
  [circle, fields, marked].forEach((overlay) => aladin.addOverlay(overlay));
  let found = [];

  function drawCircle() {
    circle.removeAll();
    circle.add(A.circle(Number(ra.value), Number(dec.value), Number(radius.value)));
  }

  function mark(numbers) {
    marked.removeAll();
    [...id("found-rows").children].forEach((row, number) => row.classList.toggle("marked", numbers.includes(number)));
    for (const number of numbers) {
      marked.add(A.circle(found[number][2], found[number][3], FIELD_RADIUS_DEG));
    }
  }

  function rowOf([obsId, target, fieldRa, fieldDec, simulated, start], number) {
    const show = element("button", { type: "button", textContent: pgettext("button", "Show") });
    show.setAttribute("aria-label", fill(gettext("Show the field of observation %(id)s"), { id: obsId }));
    const name = element("td", { textContent: `${target} ` });
    if (simulated) {
      name.append(element("span", { className: "badge simulated", textContent: gettext("simulated") }));
    }
    const numbers = [fieldRa.toFixed(3), fieldDec.toFixed(3), start.toFixed(4)].map((text) => element("td", { className: "num", textContent: text }));
    const row = element("tr", {}, [element("td", {}, [element("a", { href: `/observations/${encodeURIComponent(obsId)}`, className: "mono", textContent: obsId })]), name, ...numbers, element("td", {}, [show])]);
    row.addEventListener("mouseenter", () => mark([number]));
    show.addEventListener("focus", () => mark([number]));
    show.addEventListener("click", () => { mark([number]); aladin.gotoRaDec(fieldRa, fieldDec); say(fill(gettext("Field of observation %(id)s, %(target)s"), { id: obsId, target })); });
    return row;
  }

  async function show(query, shape) {
    const response = await fetch(`/sky/marks.json?${query}`, { headers: { Accept: "application/json" } });
    if (!response.ok) {
      const text = (await response.text()).trim();
      if (text.startsWith("{")) {
        say(JSON.parse(text).error.message, "en");
      } else {
        say(shape.refused);
      }
      return;
    }
    const marks = await response.json();
    circle.removeAll();
    shape.draw();
    fields.removeAll();
    marked.removeAll();
    found = marks.observations.slice(0, MOST_ROWS);
    found.forEach(([, , fieldRa, fieldDec]) => fields.add(A.circle(fieldRa, fieldDec, FIELD_RADIUS_DEG, { color: "#7fd0ff88" })));
    id("found-rows").replaceChildren(...found.map(rowOf));
    id("found-title").textContent = fill(found.length < marks.observation_total ? shape.titleOfLatest : shape.title, {
      observations: fill(ngettext("%(count)s observation", "%(count)s observations", marks.observation_total), { count: marks.observation_total }),
      sources: fill(ngettext("%(count)s source", "%(count)s sources", marks.source_total), { count: marks.source_total }),
      shown: found.length,
    });
    id("found-links").replaceChildren(...shape.linksOf(marks).map(([textContent, href]) => element("a", { href, textContent })));
    id("sky-found").hidden = false;
    say(id("found-title").textContent);
    id("found-title").focus({ preventScroll: true });
    id("sky-found").scrollIntoView({ block: "nearest" });
  }

  function search(event) {
    event?.preventDefault();
    const query = new URLSearchParams({ ra: ra.value.trim(), dec: dec.value.trim(), radius: radius.value.trim() });
    const near = new URLSearchParams({ near: `${ra.value.trim()} ${dec.value.trim()}`, radius: radius.value.trim() });
    const links = [
      [gettext("Observations"), `/observations/?${query}`],
      [gettext("Sources"), `/sources/?${query}`],
      [gettext("Products"), `/products/?${query}`],
      [gettext("Science windows"), `/tables/integral.science_windows?${near}`],
    ];
    return show(query, {
      title: gettext("%(observations)s and %(sources)s in the circle"),
      titleOfLatest: gettext("%(observations)s and %(sources)s in the circle, the latest %(shown)s shown"),
      refused: gettext("This circle cannot be searched: ra 0 to 360, dec -90 to 90, radius up to 180, all in degrees."),
      draw: drawCircle,
      linksOf: () => links,
    });
  }

  const corners = () => {
    const numbers = id("polygon-text").value.split(/[\s,;]+/).filter(Boolean).map(Number);
    return numbers.slice(0, numbers.length - numbers.length % 2).reduce((all, value, i) => (i % 2 ? all : [...all, [value, numbers[i + 1]]]), []);
  };

  function drawPolygon() {
    circle.removeAll();
    if (corners().length >= 3) {
      circle.add(A.polygon(corners()));
    } else if (corners().length === 2) {
      circle.add(A.polyline(corners()));
    }
  }

  function searchPolygon(event) {
    event?.preventDefault();
    const query = new URLSearchParams({ polygon: id("polygon-text").value });
    const words = {
      observations: gettext("Observations in ADQL"),
      science_windows: gettext("Science windows"),
      sources: gettext("Sources"),
      products: gettext("Products"),
    };
    return show(query, {
      title: gettext("%(observations)s and %(sources)s in the polygon"),
      titleOfLatest: gettext("%(observations)s and %(sources)s in the polygon, the latest %(shown)s shown"),
      refused: gettext("This polygon cannot be searched: 3 to 100 positions, ra dec, ra dec, …, in degrees, at most 80 around their middle."),
      draw: drawPolygon,
      linksOf: (marks) => marks.links.map(([name, address]) => [words[name] ?? name, address]),
    });
  }

  // Clicks set corners; Enter, a double click or the button end it, Backspace takes the last back, Esc gives up.
  function drawCorners() {
    const button = id("polygon-draw");
    if (button.getAttribute("aria-pressed") === "true") {
      button.dispatchEvent(new CustomEvent("finish"));
      return;
    }
    const cover = element("div", { className: "sky-cover" });
    cover.style.cssText = "position:absolute;inset:0;z-index:100;cursor:crosshair;touch-action:none";
    const words = button.textContent;
    let points = [];
    const write = () => { id("polygon-text").value = points.map((point) => point.map((value) => value.toFixed(4)).join(" ")).join(", "); drawPolygon(); };
    const end = () => {
      cover.remove();
      removeEventListener("keydown", onKey);
      button.removeEventListener("finish", finish);
      button.setAttribute("aria-pressed", "false");
      button.textContent = words;
    };
    const finish = () => {
      end();
      if (points.length >= 3) {
        searchPolygon();
      } else {
        say(gettext("A polygon needs at least 3 corners."));
      }
    };
    const onKey = (event) => {
      if (event.key === "Escape") {
        end();
      } else if (event.key === "Enter") {
        event.preventDefault();
        finish();
      } else if (event.key === "Backspace") {
        event.preventDefault();
        points.pop();
        write();
      }
    };
    cover.addEventListener("click", (event) => {
      const area = id("aladin").getBoundingClientRect();
      const here = event.detail < 2 && aladin.pix2world(event.clientX - area.left, event.clientY - area.top, "ICRS");
      if (here) {
        points = [...points, [(here[0] + 360) % 360, here[1]]];
        write();
        const said = ngettext(
          "%(count)s corner; Enter, a double click or the button end the polygon, Backspace takes the last back, Esc gives up.",
          "%(count)s corners; Enter, a double click or the button end the polygon, Backspace takes the last back, Esc gives up.",
          points.length,
        );
        say(fill(said, { count: points.length }));
      }
    });
    cover.addEventListener("dblclick", finish);
    addEventListener("keydown", onKey);
    button.addEventListener("finish", finish);
    button.setAttribute("aria-pressed", "true");
    button.textContent = gettext("End the polygon");
    id("aladin").append(cover);
    say(gettext("Click the corners on the map."));
  }

  function draw() {
    const view = id("aladin");
    const cover = element("div", { className: "sky-cover" });
    cover.style.cssText = "position:absolute;inset:0;z-index:100;cursor:crosshair;touch-action:none";
    id("region-draw").setAttribute("aria-pressed", "true");
    say(gettext("Press where the centre is and drag to the edge; Esc ends."));
    let centre = null;
    const place = (event) => {
      const box = view.getBoundingClientRect();
      return aladin.pix2world(event.clientX - box.left, event.clientY - box.top, "ICRS");
    };
    const end = () => {
      cover.remove();
      removeEventListener("keydown", onKey);
      id("region-draw").setAttribute("aria-pressed", "false");
    };
    const onKey = (event) => event.key === "Escape" && end();
    const measure = (event) => {
      const here = place(event);
      if (centre && here) {
        radius.value = Math.max(0.01, separation(...centre, ...here)).toFixed(2);
        drawCircle();
      }
    };
    cover.addEventListener("pointerdown", (event) => {
      centre = place(event);
      if (centre) {
        cover.setPointerCapture(event.pointerId);
        [ra.value, dec.value] = [((centre[0] + 360) % 360).toFixed(4), centre[1].toFixed(4)];
      }
    });
    cover.addEventListener("pointermove", measure);
    cover.addEventListener("pointerup", (event) => {
      measure(event);
      end();
      if (centre) {
        search();
      }
    });
    addEventListener("keydown", onKey);
    view.append(cover);
  }

  // A click on the map marks the rows of all fields that hold the place, nearest centre first.
  aladin.on("click", ({ ra: clickRa, dec: clickDec, isDragging }) => {
    if (isDragging || !found.length || clickRa === undefined) {
      return;
    }
    const inside = found.map((field, number) => [separation(clickRa, clickDec, field[2], field[3]), number]).filter(([away]) => away <= FIELD_RADIUS_DEG);
    inside.sort(([a], [b]) => a - b);
    mark(inside.map(([, number]) => number));
    if (inside.length) {
      id("found-rows").children[inside[0][1]].scrollIntoView({ block: "nearest" });
      say(fill(ngettext("%(count)s of the fields holds this place; its row is marked.", "%(count)s of the fields hold this place; their rows are marked.", inside.length), { count: inside.length }));
    }
  });
  id("region-centre").hidden = id("region-draw").hidden = false;
  id("region-draw").addEventListener("click", draw);
  id("region-centre").addEventListener("click", () => {
    const [viewRa, viewDec] = aladin.getRaDec();
    [ra.value, dec.value] = [viewRa.toFixed(4), viewDec.toFixed(4)];
    drawCircle();
  });
  form.addEventListener("submit", search);
  id("polygon-draw").hidden = false;
  id("polygon-draw").addEventListener("click", drawCorners);
  id("sky-polygon").addEventListener("submit", searchPolygon);
}
