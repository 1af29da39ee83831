// A circle or polygon on the sky: typed, taken from the view or drawn; its observations as rows and fields that know each other.

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
  const circle = A.graphicOverlay({ name: "Circle", color: "#ffffff", lineWidth: 2 });
  const fields = A.graphicOverlay({ name: "Fields in the circle", color: "#7fd0ff", lineWidth: 1 });
  const marked = A.graphicOverlay({ name: "Marked field", color: "#ffb347", lineWidth: 3 });
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
    const show = element("button", { type: "button", textContent: "Show" });
    show.setAttribute("aria-label", `Show the field of observation ${obsId}`);
    const name = element("td", { textContent: `${target} ` });
    if (simulated) {
      name.append(element("span", { className: "badge simulated", textContent: "simulated" }));
    }
    const numbers = [fieldRa.toFixed(3), fieldDec.toFixed(3), start.toFixed(4)].map((text) => element("td", { className: "num", textContent: text }));
    const row = element("tr", {}, [element("td", {}, [element("a", { href: `/observations/${encodeURIComponent(obsId)}`, className: "mono", textContent: obsId })]), name, ...numbers, element("td", {}, [show])]);
    row.addEventListener("mouseenter", () => mark([number]));
    show.addEventListener("focus", () => mark([number]));
    show.addEventListener("click", () => { mark([number]); aladin.gotoRaDec(fieldRa, fieldDec); say(`Field of observation ${obsId}, ${target}`); });
    return row;
  }

  async function show(query, shape, refused, drawShape, linksOf) {
    const response = await fetch(`/sky/marks.json?${query}`, { headers: { Accept: "application/json" } });
    if (!response.ok) {
      const text = (await response.text()).trim();
      say(text.startsWith("{") ? JSON.parse(text).error.message : refused);
      return;
    }
    const marks = await response.json();
    circle.removeAll();
    drawShape();
    fields.removeAll();
    marked.removeAll();
    found = marks.observations.slice(0, MOST_ROWS);
    found.forEach(([, , fieldRa, fieldDec]) => fields.add(A.circle(fieldRa, fieldDec, FIELD_RADIUS_DEG, { color: "#7fd0ff88" })));
    id("found-rows").replaceChildren(...found.map(rowOf));
    const cut = found.length < marks.observation_total ? `, the latest ${found.length} shown` : "";
    id("found-title").textContent = `${marks.observation_total} observation${marks.observation_total === 1 ? "" : "s"} and ${marks.source_total} source${marks.source_total === 1 ? "" : "s"} in the ${shape}${cut}`;
    id("found-links").replaceChildren(...linksOf(marks).map(([textContent, href]) => element("a", { href, textContent })));
    id("sky-found").hidden = false;
    say(id("found-title").textContent);
    id("found-title").focus({ preventScroll: true });
    id("sky-found").scrollIntoView({ block: "nearest" });
  }

  function search(event) {
    event?.preventDefault();
    const query = new URLSearchParams({ ra: ra.value.trim(), dec: dec.value.trim(), radius: radius.value.trim() });
    const near = new URLSearchParams({ near: `${ra.value.trim()} ${dec.value.trim()}`, radius: radius.value.trim() });
    const links = [["Observations", `/observations/?${query}`], ["Sources", `/sources/?${query}`], ["Products", `/products/?${query}`], ["Science windows", `/tables/integral.science_windows?${near}`]];
    return show(query, "circle", "This circle cannot be searched: ra 0 to 360, dec -90 to 90, radius up to 180, all in degrees.", drawCircle, () => links);
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
    return show(query, "polygon", "This polygon cannot be searched: 3 to 100 positions, ra dec, ra dec, …, in degrees, at most 80 around their middle.", drawPolygon, (marks) => marks.links);
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
    let points = [];
    const write = () => { id("polygon-text").value = points.map((point) => point.map((value) => value.toFixed(4)).join(" ")).join(", "); drawPolygon(); };
    const end = () => {
      cover.remove();
      removeEventListener("keydown", onKey);
      button.removeEventListener("finish", finish);
      button.setAttribute("aria-pressed", "false");
      button.textContent = "Draw a polygon";
    };
    const finish = () => {
      end();
      if (points.length >= 3) {
        searchPolygon();
      } else {
        say("A polygon needs at least 3 corners.");
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
      const here = event.detail < 2 && aladin.pix2world(event.clientX - area.left, event.clientY - area.top);
      if (here) {
        points = [...points, [(here[0] + 360) % 360, here[1]]];
        write();
        say(`${points.length} corner${points.length === 1 ? "" : "s"}; Enter, a double click or the button end the polygon, Backspace takes the last back, Esc gives up.`);
      }
    });
    cover.addEventListener("dblclick", finish);
    addEventListener("keydown", onKey);
    button.addEventListener("finish", finish);
    button.setAttribute("aria-pressed", "true");
    button.textContent = "End the polygon";
    id("aladin").append(cover);
    say("Click the corners on the map.");
  }

  function draw() {
    const view = id("aladin");
    const cover = element("div", { className: "sky-cover" });
    cover.style.cssText = "position:absolute;inset:0;z-index:100;cursor:crosshair;touch-action:none";
    id("region-draw").setAttribute("aria-pressed", "true");
    say("Press where the centre is and drag to the edge; Esc ends.");
    let centre = null;
    const place = (event) => {
      const box = view.getBoundingClientRect();
      return aladin.pix2world(event.clientX - box.left, event.clientY - box.top);
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
      say(`${inside.length} of the fields hold this place; their rows are marked.`);
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
