// Colour maps of the viewer, as colours at even distances: the same for the sky and for the bar below it.
// inferno, magma and viridis are those of matplotlib; ember and blue-red are those of the tiles (hips/cuts.py).

export const PALETTES = {
  inferno: ["#000004", "#210c4a", "#57106e", "#8a226a", "#bc3754", "#e45a31", "#f98e09", "#f9cb35", "#fcffa4"],
  viridis: ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"],
  magma: ["#000004", "#1d1147", "#51127c", "#832681", "#b73779", "#e75263", "#fc8961", "#fec488", "#fcfdbf"],
  ember: ["#03030f", "#2e0d52", "#82206a", "#c4453f", "#ea6a30", "#fbab20", "#fffab8"],
  "blue-red": ["#213d99", "#73a8de", "#f5f5f5", "#e07a61", "#940f26"],
  grey: ["#000000", "#ffffff"],
  inverse: ["#ffffff", "#000000"],
};

// Where between the ends of the range a part of the bar lies: the inverse of what Aladin Lite does with a value.
const VALUE_AT = {
  linear: (part) => part,
  sqrt: (part) => part * part,
  asinh: (part) => Math.sinh(3 * part) / 10,
  log: (part) => (1000 ** part - 1) / 1000,
};

export function valueAt(part, { low, high, stretch }) {
  return low + (high - low) * Math.min(1, VALUE_AT[stretch](part));
}

export function addPalettes(aladin) {
  for (const [name, colours] of Object.entries(PALETTES)) {
    aladin.addColormap(`archive-${name}`, colours);
  }
}
