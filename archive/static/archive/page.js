// What every page has: buttons that copy the text of another element (without JavaScript they stay hidden), and boxes
// that scroll, which the keyboard must reach.

import { fill, gettext } from "./words.js";

function reachScrollers() {
  for (const box of document.querySelectorAll(".scroll, pre")) {
    const scrolls = box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight;
    if (scrolls && !box.hasAttribute("tabindex")) {
      const title = box.closest("section, form, details")?.querySelector("h1, h2, h3, summary")?.textContent.trim();
      box.tabIndex = 0;
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", title ? fill(gettext("%(title)s, scrolls"), { title }) : gettext("Scrolls"));
    }
  }
}

reachScrollers();
addEventListener("resize", reachScrollers);
document.addEventListener("toggle", reachScrollers, true);
document.addEventListener("htmx:afterSettle", reachScrollers);

if (document.querySelector("[data-samp]")) {
  import("./samp.js");
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  const start = document.getElementById(button.dataset.copy)?.textContent.trim().slice(0, 40) ?? "";
  button.setAttribute("aria-label", fill(gettext("Copy %(text)s"), { text: start }));
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy).textContent.trim();
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = gettext("copied");
    } catch {
      // Browsers refuse the clipboard outside https: select the text, so that one key copies it.
      getSelection().selectAllChildren(document.getElementById(button.dataset.copy));
      button.textContent = gettext("selected: press Ctrl+C");
    }
    setTimeout(() => { button.textContent = gettext("copy"); }, 2500);
  });
}
