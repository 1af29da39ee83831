// Search pages: ticking a facet applies it at once; ticked columns fill the box that holds them; empty boxes stay out of the address.

const form = document.querySelector(".search-page");
const box = form.elements.cols;
const initial = box.value;

for (const tick of form.querySelectorAll("[data-column]")) {
  tick.addEventListener("change", () => {
    const names = box.value.split(",").map((name) => name.trim()).filter((name) => name && name !== tick.dataset.column);
    box.value = (tick.checked ? [...names, tick.dataset.column] : names).join(",");
  });
}

for (const tick of form.querySelectorAll(".search-side input[type=checkbox]")) {
  tick.addEventListener("change", () => form.requestSubmit());
}

form.addEventListener("submit", () => {
  form.setAttribute("aria-busy", "true");
  for (const input of form.querySelectorAll("input[name]")) {
    if (input.value.trim() === "" || (input === box && box.value === initial && !location.search.includes("cols=")) || (input.name === "radius" && !form.elements.near.value.trim())) {
      input.disabled = true;
    }
  }
});

// Coming back with the browser's button must not find boxes that were left out.
addEventListener("pageshow", () => {
  form.removeAttribute("aria-busy");
  for (const input of form.querySelectorAll("input[name]:disabled")) {
    input.disabled = false;
  }
});
