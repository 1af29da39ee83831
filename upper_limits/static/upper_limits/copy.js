import { gettext } from "../archive/words.js";

// Buttons that copy the text of another element; without JavaScript they stay hidden and the text can be selected.
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy).textContent;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = gettext("copied");
    } catch {
      button.textContent = gettext("select the text and copy it");
    }
    setTimeout(() => { button.textContent = gettext("copy"); }, 2000);
  });
}
