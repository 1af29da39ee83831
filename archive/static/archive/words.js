// The words of scripts in the language of the page: /words/<language>.js brings them, English pages need none.

const catalogue = globalThis.django;

export const gettext = catalogue?.gettext ?? ((words) => words);
export const pgettext = catalogue?.pgettext ?? ((context, words) => words);
export const ngettext = catalogue?.ngettext ?? ((one, many, count) => (count === 1 ? one : many));

// Put values into `%(name)s`.
export const fill = (words, values) => words.replace(/%\((\w+)\)s/g, (whole, name) => values[name] ?? whole);
