// Light curves and spectra with uPlot: error bars, three time axes, linear or log, bins; the choice stands in the URL.

import { fill, gettext, ngettext } from "./words.js";

const IJD_ZERO_MJD = 51544;
const UNIX_ZERO_MJD = 40587;
const SECONDS_PER_DAY = 86400;
const dark = matchMedia("(prefers-color-scheme: dark)");
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colour = (index) => css(`--series-${index % 6 + 1}`);
const params = () => new URLSearchParams(location.search);

// TT - UTC in seconds after each date, 32.184 s plus the leap seconds of IERS Bulletin C.
const TT_MINUS_UTC = [[51179, 64.184], [53736, 65.184], [54832, 66.184], [56109, 67.184], [57204, 68.184], [57754, 69.184]];

function unixFromMjdTt(mjd) {
  const offset = TT_MINUS_UTC.findLast(([from]) => mjd >= from)?.[1] ?? 64.184;
  return (mjd - UNIX_ZERO_MJD) * SECONDS_PER_DAY - offset;
}

const AXES = {
  utc: { label: "UTC", convert: unixFromMjdTt, time: true, day: SECONDS_PER_DAY },
  mjd: { label: "MJD (TT)", convert: (mjd) => mjd, time: false, day: 1 },
  ijd: { label: "IJD (TT)", convert: (mjd) => mjd - IJD_ZERO_MJD, time: false, day: 1 },
};

const PLACES = {
  LOCAL: gettext("the spacecraft"), SOLARSYSTEM: gettext("the barycentre of the solar system"),
  UNKNOWN: gettext("a place that the file does not state"),
};
const QUANTITIES = { rate: gettext("rate"), flux: gettext("flux"), counts: gettext("counts"), magnitude: gettext("magnitude") };

// As the API says it, in the language of the page.
const METHOD = gettext("flux of a channel = measured rate / rate predicted by the power law folded with RMF and ARF, times the law at the geometric middle of the channel; it depends on the photon index and is no substitute for a fit");
const SIMULATED = gettext("Simulated data.");

function remember(name, value, standard) {
  const query = params();
  if (value === standard) {
    query.delete(name);
  } else {
    query.set(name, value);
  }
  const text = query.toString();
  history.replaceState(null, "", `${location.pathname}${text ? `?${text}` : ""}${location.hash}`);
}

async function fetchJson(address) {
  const response = await fetch(address, { headers: { Accept: "application/json" } });
  const body = await response.json();
  if (!response.ok) {
    throw new Error(body.error?.message ?? fill(gettext("the archive answered %(status)s"), { status: response.status }));
  }
  return body;
}

// Draws vertical error bars (and horizontal bin widths) under the points of every shown series.
function errorBars(curves, log) {
  return (plot) => {
    const { ctx } = plot;
    const { left, top, width, height } = plot.bbox;
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, top, width, height);
    ctx.clip();
    curves.forEach((curve, number) => {
      if (!plot.series[number + 1].show) {
        return;
      }
      ctx.strokeStyle = curve.colour;
      ctx.globalAlpha = curve.x.length > 400 ? 0.35 : 0.8;
      ctx.lineWidth = devicePixelRatio;
      ctx.beginPath();
      for (let i = 0; i < curve.x.length; i += 1) {
        const [x, y, error] = [curve.x[i], curve.y[i], curve.error[i]];
        if (y === null || x < plot.scales.x.min || x > plot.scales.x.max) {
          continue;
        }
        if (log && y <= 0) {
          continue;
        }
        const px = plot.valToPos(x, "x", true);
        if (error !== null) {
          const low = log ? Math.max(y - error, y / 1e6) : y - error;
          ctx.moveTo(px, plot.valToPos(low, "y", true));
          ctx.lineTo(px, plot.valToPos(y + error, "y", true));
        }
        if (curve.low) {
          const py = plot.valToPos(y, "y", true);
          ctx.moveTo(plot.valToPos(curve.low[i], "x", true), py);
          ctx.lineTo(plot.valToPos(curve.high[i], "x", true), py);
        }
      }
      ctx.stroke();
    });
    ctx.restore();
  };
}

// Months, days and hours of a time axis: uPlot writes "3/22/03" and "5pm"; here they stand as in tables and files, months by
// their name in the language of the page.
function datesOf(language) {
  const month = new Intl.DateTimeFormat(language, { month: "short", timeZone: "UTC" });
  const MMM = Array.from({ length: 12 }, (_, number) => month.format(Date.UTC(2000, number)));
  const words = { "{M}/{D}/{YY}": "{YYYY}-{MM}-{DD}", "{M}/{D}": "{MM}-{DD}", "{h}:{mm}{aa}": "{HH}:{mm}", "{h}{aa}": "{HH}:00" };
  return (template) => uPlot.fmtDate(Object.entries(words).reduce((text, [theirs, ours]) => text.replace(theirs, ours), template), { MMM });
}

// All curves on one x array; null where a curve has no point.
function align(curves) {
  return curves.length === 1 ? [curves[0].x, curves[0].y] : uPlot.join(curves.map((curve) => [curve.x, curve.y]));
}

function options(box, curves, { xLabel, yLabel, xTime, xLog, yLog, yDown }) {
  const [ink, muted, rule] = [css("--ink"), css("--muted"), css("--rule")];
  const font = `12px ${css("--sans")}`;
  // uPlot gives a lone point a thousand days to its right; here it stands in the middle of its day.
  const [lone, halfDay] = [curves.length === 1 && curves[0].x.length === 1 ? curves[0].x[0] : null, xTime ? SECONDS_PER_DAY / 2 : 0.5];
  const axis = (label, size) => ({
    label, stroke: muted, font, labelFont: font, labelSize: 22, size,
    grid: { stroke: rule, width: 1 }, ticks: { stroke: rule, width: 1, size: 5 },
  });
  return {
    width: box.clientWidth,
    height: box.classList.contains("spectrum") ? 340 : Math.max(260, Math.min(340, box.clientWidth * 0.45)),
    cursor: { drag: { x: true, y: true, uni: 24 }, points: { size: 7 } },
    tzDate: (stamp) => uPlot.tzDate(new Date(stamp * 1e3), "Etc/UTC"),
    fmtDate: datesOf(document.documentElement.lang),
    scales: {
      x: { time: xTime, distr: xLog ? 3 : 1, range: xLog ? undefined : (_, low, high) => (lone === null ? widened(low, high) : [lone - halfDay, lone + halfDay]) },
      y: { distr: yLog ? 3 : 1, dir: yDown ? -1 : 1, range: yLog ? undefined : (_, low, high) => padded(curves, low, high) },
    },
    axes: [
      { ...axis(xLabel, 40), values: xTime || xLog ? undefined : numberValues },
      { ...axis(yLabel, 64), values: yLog ? logValues : numberValues },
    ],
    series: [
      { label: xLabel, value: (_, value) => (value === null ? "–" : formatX(value, xTime)) },
      ...curves.map((curve) => ({
        label: curve.label, stroke: curve.colour, paths: () => null,
        points: { show: true, size: curve.x.length > 400 ? 3 : 5, fill: curve.colour, width: 0 },
        value: (plot, value, series, index) => (value === null || value === undefined ? "–" : formatY(curve, plot.data[0][index], value)),
      })),
    ],
    hooks: { drawAxes: [errorBars(curves, yLog)] },
    legend: { live: true },
    focus: { alpha: 1 },
    ink,
  };
}

function logValues(plot, splits) {
  return splits.map((value) => (value === null ? "" : Math.abs(Math.log10(value) % 1) < 1e-9 ? shortNumber(value) : ""));
}

// Numbers have a decimal point in every language, as in tables and files.
const NUMBERS = new Intl.NumberFormat("en");

function numberValues(plot, splits, axis, space, step) {
  return splits.map((value) => (value === null ? "" : step < 1e-3 ? String(Number(value.toPrecision(6))) : NUMBERS.format(value)));
}

function shortNumber(value) {
  return value >= 0.001 && value < 1e5 ? String(Number(value.toPrecision(6))) : value.toExponential(0);
}

function widened(low, high) {
  const margin = (high - low || Math.abs(high) * 1e-3 || 1) * 0.02;
  return [low - margin, high + margin];
}

function padded(curves, low, high) {
  const all = curves.flatMap((curve) => curve.y.map((y, i) => (y === null ? null : [y - (curve.error[i] ?? 0), y + (curve.error[i] ?? 0)])).filter(Boolean));
  const wide = all.length > 0 && all.length < 5000;
  const [from, to] = wide && low <= Math.min(...all.map(([, b]) => b)) ? [Math.min(low, ...all.map(([a]) => a)), Math.max(high, ...all.map(([, b]) => b))] : [low, high];
  const margin = (to - from || Math.abs(to) || 1) * 0.05;
  return [from - margin, to + margin];
}

function formatX(value, isTime) {
  return isTime ? `${new Date(value * 1e3).toISOString().slice(0, 19).replace("T", " ")}` : String(Number(value.toPrecision(10)));
}

function formatY(curve, x, value) {
  const place = curve.x.indexOf(x);
  const error = place >= 0 ? curve.error[place] : null;
  return `${Number(value.toPrecision(5))}${error === null ? "" : ` ± ${Number(error.toPrecision(3))}`} ${curve.unit}`;
}

class PlotBox {
  constructor(box) {
    this.box = box;
    this.target = box.querySelector(".plot");
    this.note = box.querySelector("[data-note]");
    this.isSpectrum = box.dataset.plot === "spectrum";
    const query = params();
    this.axis = query.get("axis") in AXES ? query.get("axis") : "utc";
    this.bin = ["1", "10", "100"].includes(query.get("bin")) ? query.get("bin") : "";
    this.standardScale = this.isSpectrum ? "log" : "linear";
    this.view = this.box.dataset.unfolded && query.get("show") === "flux" ? "flux" : "counts";
    this.scale = ["log", "linear"].includes(query.get(this.scaleName)) ? query.get(this.scaleName) : this.standardScale;
    box.querySelector(".plot-tools").hidden = false;
    this.target.querySelector(".loading").textContent = gettext("Loading the points…");
    box.addEventListener("click", (event) => this.press(event.target.closest("button")));
    new ResizeObserver(() => this.plot?.setSize({ width: this.target.clientWidth, height: this.plot.height })).observe(this.target);
  }

  get scaleName() { return this.isSpectrum ? "spectrum" : "scale"; }

  press(button) {
    if (!button) {
      return;
    }
    if ("axis" in button.dataset) {
      this.axis = button.dataset.axis;
      remember("axis", this.axis, "utc");
    } else if ("bin" in button.dataset) {
      this.bin = button.dataset.bin;
      remember("bin", this.bin, "");
    } else if ("scale" in button.dataset) {
      this.scale = button.dataset.scale;
      remember(this.scaleName, this.scale, this.standardScale);
    } else if ("view" in button.dataset) {
      this.view = button.dataset.view;
      remember("show", this.view, "counts");
    } else if (!("reset" in button.dataset)) {
      return;
    }
    this.show();
  }

  async show() {
    for (const button of this.box.querySelectorAll(".plot-tools button")) {
      const { axis, bin, scale, view } = button.dataset;
      button.setAttribute("aria-pressed", String(axis === this.axis || bin === this.bin || scale === this.scale || view === this.view));
    }
    this.target.setAttribute("aria-busy", "true");
    const query = this.bin && !this.isSpectrum ? `?bin_d=${this.bin}` : "";
    try {
      const sources = this.view === "flux" ? this.box.dataset.unfolded : this.box.dataset.sources;
      const documents = await Promise.all(sources.split(" ").map((address) => fetchJson(address + query)));
      this.draw(documents);
    } catch (error) {
      this.plot?.destroy();
      this.plot = null;
      this.target.replaceChildren(Object.assign(document.createElement("p"), { className: "notice bad", textContent: fill(gettext("The plot could not be drawn: %(reason)s"), { reason: error.message }) }));
    }
    this.target.removeAttribute("aria-busy");
  }

  draw(documents) {
    this.documents = documents;
    const drawing = this.isSpectrum ? (this.view === "flux" ? this.unfolded(documents[0]) : this.spectrum(documents[0])) : this.lightCurve(documents);
    this.plot?.destroy();
    this.target.replaceChildren();
    this.note.textContent = drawing.note;
    if (drawing.curves.every((curve) => curve.y.every((y) => y === null))) {
      this.plot = null;
      this.target.append(Object.assign(document.createElement("p"), { className: "empty", textContent: gettext("There is no point to draw here.") }));
      return;
    }
    this.plot = new uPlot(options(this.target, drawing.curves, drawing.look), align(drawing.curves), this.target);
    this.box.dataset.drawn = "true";
  }

  lightCurve(documents) {
    const axis = AXES[this.axis];
    const log = this.scale === "log";
    const all = documents.flatMap((item) => item.curves);
    const curves = all.map((curve, number) => {
      const order = curve.time_mjd_tt.map((_, i) => i).sort((a, b) => curve.time_mjd_tt[a] - curve.time_mjd_tt[b]);
      // Several light curves of one band are told apart by their first day.
      const day = all.filter(({ label }) => label === curve.label).length > 1 && order.length > 0 ? ` ${new Date(unixFromMjdTt(curve.time_mjd_tt[order[0]]) * 1000).toISOString().slice(0, 10)}` : "";
      return {
        label: curve.label + day, unit: curve.unit, colour: colour(number),
        x: order.map((i) => axis.convert(curve.time_mjd_tt[i])),
        y: order.map((i) => (log && !(curve.value[i] > 0) ? null : curve.value[i])),
        error: order.map((i) => curve.error[i]),
      };
    });
    const hidden = all.reduce((sum, curve) => sum + (log ? curve.value.filter((value) => value !== null && value <= 0).length : 0), 0);
    const count = all.reduce((sum, curve) => sum + curve.value.filter((value) => value !== null).length, 0);
    const quantity = all[0]?.quantity ?? "rate";
    const places = [...new Set(all.map((curve) => PLACES[curve.time_reference] ?? PLACES.UNKNOWN))].join(", ");
    const words = this.bin
      ? ngettext(
        "%(count)s point, means weighted by 1/error² in bins of %(bin)s d, 1σ errors; times hold at %(places)s.",
        "%(count)s points, means weighted by 1/error² in bins of %(bin)s d, 1σ errors; times hold at %(places)s.", count,
      )
      : ngettext(
        "%(count)s point, points as stored, 1σ errors; times hold at %(places)s.",
        "%(count)s points, points as stored, 1σ errors; times hold at %(places)s.", count,
      );
    const lost = ngettext(
      "%(count)s point at or below zero cannot stand on a log scale and is not drawn.",
      "%(count)s points at or below zero cannot stand on a log scale and are not drawn.", hidden,
    );
    const sentences = [
      fill(words, { count, bin: this.bin, places }),
      hidden ? fill(lost, { count: hidden }) : "",
      documents.some((item) => item.simulated) ? SIMULATED : "",
      ...[...new Set(all.flatMap((curve) => curve.remarks))].slice(0, 3).map((text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`),
    ];
    return {
      curves,
      note: sentences.filter(Boolean).join(" "),
      look: { xLabel: axis.label, yLabel: `${QUANTITIES[quantity] ?? quantity} (${all[0]?.unit ?? ""})`, xTime: axis.time, xLog: false, yLog: log, yDown: quantity === "magnitude" },
    };
  }

  unfolded(item) {
    const log = this.scale === "log";
    const shown = item.energy_flux.map((_, i) => i).filter((i) => item.energy_flux[i] !== null && (!log || item.energy_flux[i] > 0));
    const curve = {
      label: "E²N(E)", unit: "erg/cm²/s", colour: colour(0),
      x: shown.map((i) => Math.sqrt(item.energy_min_kev[i] * item.energy_max_kev[i])),
      y: shown.map((i) => item.energy_flux[i]), error: shown.map((i) => item.energy_flux_error[i]),
      low: shown.map((i) => item.energy_min_kev[i]), high: shown.map((i) => item.energy_max_kev[i]),
    };
    const hidden = item.energy_flux.length - shown.length;
    const spread = item.index_error === null ? "" : ` ± ${item.index_error.toFixed(2)}`;
    const origin = item.index_is_fitted
      ? gettext("Γ = %(index)s, fitted to these channels (χ² %(chi2)s for %(degrees)s degrees of freedom)")
      : gettext("Γ = %(index)s, as given");
    const index = fill(origin, { index: `${item.photon_index.toFixed(2)}${spread}`, chi2: item.chi2.toFixed(1), degrees: item.degrees_of_freedom });
    const errors = hidden
      ? ngettext("1σ errors; %(count)s channel without a positive value is not drawn.", "1σ errors; %(count)s channels without a positive value are not drawn.", hidden)
      : gettext("1σ errors.");
    const sentences = [
      fill(gettext("Drawn: E² times the photon flux, unfolded with RMF and ARF for a power law of photon index %(index)s."), { index }),
      fill(gettext("Method: %(method)s."), { method: METHOD }),
      fill(errors, { count: hidden }),
      item.simulated ? SIMULATED : "",
    ];
    return {
      curves: [curve],
      note: sentences.filter(Boolean).join(" "),
      look: { xLabel: gettext("Energy (keV)"), yLabel: "E² N(E) (erg/cm²/s)", xTime: false, xLog: log, yLog: log },
    };
  }

  spectrum(item) {
    const log = this.scale === "log";
    const energies = item.has_energies;
    const keep = item.rate_per_kev.map((_, i) => i).filter((i) => item.quality[i] === 0);
    const middle = (i) => (energies ? Math.sqrt(item.energy_min_kev[i] * item.energy_max_kev[i]) : item.channel[i]);
    const value = (i) => (energies ? item.rate_per_kev[i] : item.rate[i]);
    const error = (i) => (energies ? item.error_per_kev[i] : item.error[i]);
    const shown = keep.filter((i) => value(i) !== null && (!log || value(i) > 0));
    const curve = {
      label: gettext("spectrum"), unit: energies ? "ct/s/keV" : "ct/s", colour: colour(0),
      x: shown.map(middle), y: shown.map(value), error: shown.map(error),
      low: energies ? shown.map((i) => item.energy_min_kev[i]) : null, high: energies ? shown.map((i) => item.energy_max_kev[i]) : null,
    };
    const bad = item.rate.length - keep.length;
    const hidden = keep.length - shown.length;
    const channels = [
      fill(gettext("%(shown)s of %(total)s channels"), { shown: shown.length, total: item.rate.length }),
      bad ? fill(ngettext("%(count)s marked bad", "%(count)s marked bad", bad), { count: bad }) : "",
      hidden ? fill(ngettext("%(count)s without a positive value", "%(count)s without a positive value", hidden), { count: hidden }) : "",
    ];
    const sentences = [
      energies
        ? gettext("Drawn: count rate in each channel divided by its width in keV, against the nominal channel energy (EBOUNDS of the RMF). It is folded with the instrument's response, not a photon spectrum.")
        : gettext("Drawn: count rate per channel; the product has no response, so channels have no energies."),
      fill(gettext("1σ errors; %(channels)s."), { channels: channels.filter(Boolean).join(", ") }),
      fill(gettext("Exposure %(seconds)s s."), { seconds: Math.round(item.exposure_s) }),
      item.simulated ? SIMULATED : "",
    ];
    return {
      curves: [curve],
      note: sentences.filter(Boolean).join(" "),
      look: { xLabel: energies ? gettext("Energy (keV)") : gettext("Channel"), yLabel: curve.unit, xTime: false, xLog: log && energies, yLog: log },
    };
  }
}

const boxes = [...document.querySelectorAll(".plot-box")].map((box) => new PlotBox(box));
const observer = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((item) => item.isIntersecting)) {
    observer.unobserve(entry.target);
    boxes.find((box) => box.box === entry.target).show();
  }
}, { rootMargin: "300px" });
boxes.forEach((box) => observer.observe(box.box));
dark.addEventListener("change", () => boxes.filter((box) => box.documents).forEach((box) => box.draw(box.documents)));
